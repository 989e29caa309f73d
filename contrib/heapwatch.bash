# bash completion of heapwatch(1).  Options come from the command's own help, so that they are
# those of the version that is installed.
_heapwatch_words()
{
	"$1" ${2:+"$2"} --help 2>/dev/null | grep -oE '(^|[ ,;(])--?[a-zA-Z][a-z-]*' | tr -d ' ,;(' |
		sort -u
}

_heapwatch()
{
	local cur prev words cword command=
	_init_completion -n = || return
	local commands='doctor explain export mark record report top'

	if [ "$cword" -gt 1 ] && [[ " $commands " == *" ${words[1]} "* ]]; then
		command=${words[1]}
	fi
	case $prev in
	-p | --pid)
		COMPREPLY=($(compgen -W "$(cd /proc && echo [0-9]*)" -- "$cur"))
		return
		;;
	--user-probes)
		COMPREPLY=($(compgen -W 'auto session multi perf' -- "$cur"))
		return
		;;
	--kernel-probes | --system-probes)
		COMPREPLY=($(compgen -W 'auto fentry kprobe tracepoint none' -- "$cur"))
		return
		;;
	-g | --group-by)
		COMPREPLY=($(compgen -W 'comm cgroup pid' -- "$cur"))
		return
		;;
	-w | --watch)
		COMPREPLY=($(compgen -S = -W 'comm exe cmdline cgroup unit user' -- "$cur"))
		compopt -o nospace
		return
		;;
	-u | --user)
		COMPREPLY=($(compgen -u -- "$cur"))
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$(_heapwatch_words "${words[0]}" "$command")" -- "$cur"))
	elif [ "$cword" -eq 1 ]; then
		COMPREPLY=($(compgen -W "$commands" -- "$cur"))
	else
		_filedir
	fi
} &&
	complete -F _heapwatch heapwatch
