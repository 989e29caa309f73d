/* SPDX-License-Identifier: GPL-2.0 */
/* budget_plant.h: programs that are made up, and what a budget does to them, in simulated time. */
#ifndef BUDGET_PLANT_H
#define BUDGET_PLANT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/budget.h"

#define MS 1000000.0

/* A program: at a time, how many calls it makes in a second of its own time, of these behind the
 * cache, and how many threads run. */
struct program {
	double (*calls)(double s);
	double large; /* part of the calls */
	double (*cores)(double s);
	double uncounted; /* of its run time: processes that live for less than a tick */
	double edge;	  /* how long a window comes and goes, ms, seen in whole */
};

/* The machine: a seen call takes 1 us; probes stay on for 20 ms after they were ordered away. */
struct plant {
	const struct program *p;
	struct budget *b;
	double now, run, cost; /* ns */
	struct budget_input in;
	struct budget_order order;
	double at[4000], ran[4000], paid[4000]; /* each 100 ms */
	int n;
	double all_s, window_s; /* how long all was seen, how long windows were open */
	double first_window_s;
	unsigned int early; /* windows that opened in the first second and a half */
	double unseen_s;    /* how long not even large blocks were */
	int switches, tries;
	enum budget_level level;
};

/* The process goes on for ns of wall time with these probes. */
static inline void go(struct plant *m, double ns, int all, int large)
{
	while (ns > 0) {
		double step = ns < MS / 10 ? ns : MS / 10, s = m->now / 1e9;
		double seen = m->p->calls(s) * (all ? 1 : large ? m->p->large : 0);
		double run = step * m->p->cores(s), part = seen * 1e-6 / (1 + seen * 1e-6);

		m->run += run * (1 - m->p->uncounted);
		m->cost += run * part;
		m->now += step;
		ns -= step;
		if (m->now >= m->n * 100 * MS && m->n < 4000) {
			m->at[m->n] = m->now;
			m->ran[m->n] = m->run - m->cost;
			m->paid[m->n++] = m->cost;
		}
	}
}

static inline void simulate_as(struct plant *m, const struct program *p,
			       const struct budget_config *config, double seconds, int has_large)
{
	/* What the kernel needs until the next window. */
	const double away = config->burst_ns ? 2 * MS : 40 * MS;
	struct budget_config with = *config;

	if (!with.every_ns)
		with.every_ns = (uint64_t)(50 * MS);
	*m = (struct plant){.p = p, .b = budget__new(&with)};
	assert_non_null(m->b);
	m->order.all = budget_begins_whole(config);
	while (m->now < seconds * 1e9) {
		struct budget_order before = m->order;
		double wait;

		m->in = (struct budget_input){.now_ns = (uint64_t)m->now + 5000000000u,
					      .run_ns = (uint64_t)m->run,
					      .cost_ns = (uint64_t)m->cost,
					      .has_large = has_large};
		budget__step(m->b, &m->in, &m->order);
		if (before.all != m->order.all || before.large != m->order.large) {
			m->switches++;
			go(m, 20 * MS, before.all || m->order.all, before.large || m->order.large);
		} else if (m->order.window_ns) {
			double run, cost, all = m->cost;

			go(m, p->edge * MS / 2, 1, 0);
			run = m->run;
			cost = m->cost;
			if (!m->first_window_s)
				m->first_window_s = m->now / 1e9;
			m->early += m->now < 1.5e9;
			go(m, (double)m->order.window_ns + 0.1 * MS, 1, 0);
			run = m->run - run;
			cost = m->cost - cost;
			m->window_s += (double)m->order.window_ns / 1e9;
			go(m, p->edge * MS / 2, 1, 0);
			/* Of the calls, these took the places behind the cache too. */
			budget__window(
			    m->b, &(struct budget_seen){
				      .wall_ns = m->order.window_ns + 100000,
				      .run_ns = (uint64_t)run,
				      .cost_ns = (uint64_t)cost,
				      .large_ns = (uint64_t)(m->order.try_large * cost * p->large),
				      .all_cost_ns = (uint64_t)(m->cost - all + 50000)});
			m->tries += m->order.try_large;
			go(m, away, 0, m->order.large);
		}
		wait = 10 * MS;
		if (m->order.again_ns && (double)m->order.again_ns - 5e9 < m->now + wait)
			wait = (double)m->order.again_ns - 5e9 - m->now;
		if (wait < MS / 10)
			wait = MS / 10;
		go(m, wait, m->order.all, m->order.large);
		m->all_s += m->order.all * wait / 1e9;
		m->unseen_s += (!m->order.all && !m->order.large) * wait / 1e9;
	}
	m->level = budget__level(m->b);
}

static inline void simulate_grace(struct plant *m, const struct program *p, double share,
				  double seconds, int has_large, uint64_t grace_ns)
{
	simulate_as(m, p, &(struct budget_config){.share = share, .grace_ns = grace_ns}, seconds,
		    has_large);
}

/* The largest share over any ten seconds that begin at `from` or later. */
static inline double worst(const struct plant *m, double from)
{
	double most = 0;

	for (int i = 0; i + 100 < m->n; i++) {
		double ran = m->ran[i + 100] - m->ran[i], paid = m->paid[i + 100] - m->paid[i];

		if (m->at[i] >= from * 1e9 && ran > 0 && paid / ran > most)
			most = paid / ran;
	}
	return most;
}

/* What the first storm, from second `from` on, took over the budget in its first second and after.
 */
static inline double between(const struct plant *m, double from, double to)
{
	int i = (int)(from * 10), k = (int)(to * 10);

	return (m->paid[k] - m->paid[i]) / (m->ran[k] - m->ran[i] + 1);
}

static inline double storm(double s)
{
	(void)s;
	return 50e6;
}
static inline double gentle(double s)
{
	(void)s;
	return 3000; /* 0.3 % */
}
static inline double busy(double s)
{
	(void)s;
	return 200e3; /* 20 % */
}
static inline double one(double s)
{
	(void)s;
	return 1;
}
static inline double eight(double s)
{
	(void)s;
	return 8;
}
static inline double in_turn(double s)
{
	return fmod(s, 2) < 1 ? 50e6 : 1000;
}
static inline double seldom(double s)
{
	return fmod(s, 60) < 20 ? 50e6 : 1000;
}
static inline double half(double s)
{
	return fmod(s, 2) < 1 ? 1 : 0.001;
}
/* On a busy machine: one turn in ten, and in two. */
static inline double tenth(double s)
{
	return fmod(s, 0.0403) < 0.004;
}
static inline double turns(double s)
{
	return fmod(s, 0.01) < 0.005;
}
static inline double later(double s)
{
	return s < 30 ? 1000 : 50e6;
}

#endif
