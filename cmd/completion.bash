# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion for mwan's programs, under both of their names. Options are those that the program
# itself lists, values those that mwan.conf and this machine have now.

# The file given with --config, or the usual one.
_mwan_config()
{
	local line=" ${COMP_WORDS[*]:0:COMP_CWORD} "

	# Where = breaks words, it is one by itself.
	[[ $line =~ " --config "("= ")?([^ ]+)" " ]] && echo "${BASH_REMATCH[2]}" || echo /etc/mwan/mwan.conf
}

# The interface of each WAN.
_mwan_wans()
{
	sed -n '/^\[/h; /^interface[[:blank:]]*=/{G;s/^[^=]*=[[:blank:]]*\([^[:blank:];]*\).*\n\[wan[[:blank:]].*/\1/p}' "$(_mwan_config)"
}

# The addresses inside that have a line of their own.
_mwan_inside()
{
	sed -n '/^\[/h; /=/{G;s/^\([0-9.]*\)[[:blank:]]*=.*\n\[map4\].*/\1/p
		s/^router6[[:blank:]]*=[[:blank:]]*\([^[:blank:];]*\).*/\1/p}' "$(_mwan_config)"
}

# The name of each WAN.
_mwan_names()
{
	sed -n 's/^\[wan[[:blank:]]*\([^][:blank:]]*\).*/\1/p' "$(_mwan_config)"
}

# The current trace, the one kept on disk, and those that something was logged under.
_mwan_traces()
{
	cat /run/mwan-trace-id /var/lib/mwan/trace-id
	sed -n 's/.*"traceId":"\([^"]*\)".*/\1/p' /var/log/mwan-debug.log* | sort -u
}

# What can be argument $2 of the program $1, behind the words $3.
_mwan_values()
{
	case $1:$2:$3 in
	update-npt:1:*) _mwan_wans ;;
	# The second time as bash cuts up --drain=WAN.
	health-check:*' --drain ' | health-check:*' --undrain ') _mwan_names ;;
	health-check:*' --drain = ' | health-check:*' --undrain = ') _mwan_names ;;
	update-routes:1:*' --explain '*) _mwan_inside ;;
	update-routes:3:*' --explain '*) printf '%s\n' tcp udp icmp esp ah gre sctp dccp udplite ;;
	health-check:1:*' --address '*) printf '%s\n' ipv4 ipv6 ;;
	health-check:*:*' --address '*) _mwan_names ;;
	mwan-trace:1:*) printf '%s\n' new show ;;
	mwan-trace:2:*' new '*) printf '%s\n' boot deploy ;;
	mwan-trace:2:*' show '*) _mwan_traces ;;
	wpa-action:2:*' --sync '* | wpa-action:2:*' --prepare '*) ;;
	wpa-action:2:*) printf '%s\n' CONNECTED DISCONNECTED ;;
	wpa-action:1:* | bringup-att-vlan:1:*) ls /sys/class/net ;;
	esac
}

_mwan()
{
	local program=${1##*/} current=${COMP_WORDS[COMP_CWORD]} number=1 i word

	[[ $current != = ]] || current=
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--config)
			[[ ${COMP_WORDS[i + 1]} != = ]] || ((i++))
			if ((++i >= COMP_CWORD)); then
				compopt -o filenames 2>/dev/null
				mapfile -t COMPREPLY < <(compgen -f -- "$current")
				return
			fi
			;;
		-*) ;;
		*) ((number++)) ;;
		esac
	done

	# Not by compgen -W, which would expand what stands in those files.
	while read -r word; do
		[[ $word != "$current"* ]] || COMPREPLY+=("$word")
	done < <(
		if [[ $current == -* ]]; then
			"$1" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'
		else
			_mwan_values "${program%.sh}" "$number" " ${COMP_WORDS[*]:1:COMP_CWORD-1} "
		fi 2>/dev/null
	)
}

complete -F _mwan {update-routes,update-npt,health-check,wpa-action,bringup-att-vlan,mwan-trace}{,.sh}
