#!/usr/bin/env bash
# A throw-away Slurm cluster on one machine, for tests: no systemd, no network, no cgroups.
#
#   cluster.sh [OPTION]... COMMAND
#
#   -d DIR             where all its state lives (default: $SLURM_TEST_DIR, else slurm-test in the temporary folder)
#   -n, -c, -m NUMBER  nodes (2), processors a node (4; may exceed the real ones), MB a node (2048)
#   -o KEY=VALUE       replace (or, with an empty VALUE, drop) a line of slurm.conf
#   -l LINE            add a line to slurm.conf
#   -a                 with accounting (sacct, QOS): adds slurmdbd and a MariaDB server
#   -w PID             take the cluster down when that process has ended, however it ended
#
#   check              can there be a cluster on this machine? Exit code 77 and one sentence if not
#   up                 start munged, slurmctld and one slurmd a node; wait until all are idle. What an earlier run has
#                      left in DIR is removed first
#   down               cancel jobs, stop everything, delete DIR (does nothing when not up)
#   status             daemons, nodes and jobs; exit code 0 if slurmctld answers, 3 if not
#   env                what clients need in their environment: eval "$(cluster.sh env)"
#   crash-node NODE    power failure: slurmd, step daemons and the jobs' processes die at once
#   kill-slurmd NODE   only slurmd dies; the jobs' processes on the node live on
#   start-node NODE    boot a crashed node, or start slurmd again after kill-slurmd
#   stop-ctld [-9]     stop slurmctld (-9: kill it)
#   start-ctld         start it on the saved state
#   restart-ctld [-9]  both
#
# Run by root, or by a user whom `sudo -n` makes root: the daemons are root's then, jobs and clients that user's.
#
# DIR holds the configuration, munge's key and socket, saved state, spools and logs; the daemons listen on 127.0.0.1
# only, on ports that were free. So clusters in two folders do not meet. Every node is a UTS, PID and mount namespace: it
# has a host name and a /dev/shm of its own (Open MPI's shared-memory files would clash otherwise), and can be killed as a
# whole. Slurm's defaults are left as they are where users meet them (PMIx fences, --kill-on-bad-exit), so that a job
# script that forgets to mend them fails here too.
set -euo pipefail
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

DIR=${SLURM_TEST_DIR:-${TMPDIR:-/tmp}/slurm-test}
NODES=2
CPUS=4
MEM=2048
OVERRIDES=()
LINES_ADDED=()
ACCOUNTING=
OWNER=

usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; }
die() { printf 'cluster.sh: %s\n' "$*" >&2; exit 1; }
# The tests take 77 for "skipped": it counts as missing, with this reason.
impossible() { printf 'cluster.sh: no Slurm cluster on this machine: %s\n' "$*" >&2; exit 77; }

SELF=$(realpath "$0")
GIVEN=("$@")
while getopts d:n:c:m:o:l:aw:h opt; do
  case $opt in
    d) DIR=$OPTARG ;;
    n) NODES=$OPTARG ;;
    c) CPUS=$OPTARG ;;
    m) MEM=$OPTARG ;;
    o) OVERRIDES+=("$OPTARG") ;;
    l) LINES_ADDED+=("$OPTARG") ;;
    a) ACCOUNTING=1 ;;
    w) OWNER=$OPTARG ;;
    h) usage; exit ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))

[[ $DIR == /?* && $DIR != *[[:space:]]* ]] || die "DIR must be an absolute path without blanks: '$DIR'"
# The longest socket path is DIR/spool/NODE/stepd.slurm.pmix.JOB.STEP; sun_path holds 108 bytes.
((${#DIR} <= 60)) || die "DIR is too long for unix sockets: '$DIR'"
export SLURM_CONF=$DIR/etc/slurm.conf
MUNGE_SOCKET=$DIR/munge/socket
CLUSTER="test"

# ---- processes: known by pid and start time, so that a pid file left by a crash names nobody else

started_at() { local line; line=$(cat "/proc/$1/stat" 2>/dev/null) && cut -d' ' -f20 <<<"${line##*) }"; }
# A zombie still answers kill -0 until init reaps it, but it has no executable.
alive() { local pid start; read -r pid start <<<"$1" && [[ $pid && $(readlink "/proc/$pid/exe") && $(started_at "$pid") == "$start" ]]; }
gone() { ! alive "$1"; }
process_of() { cat "$DIR/run/$1.pid" 2>/dev/null || :; }
pid_of() { local process; process=$(process_of "$1"); echo "${process% *}"; }
is_up() { alive "$(process_of "$1")"; }

# wait_until SECONDS COMMAND...: poll until COMMAND succeeds
wait_until() {
  local end=$((SECONDS + $1)); shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.05
  done
}

# daemon NAME COMMAND...: start detached, remember its pid
daemon() {
  setsid "${@:2}" </dev/null >>"$DIR/log/$1.out" 2>&1 &
  echo "$! $(started_at $!)" >"$DIR/run/$1.pid"
  disown
}

# stop NAME SIGNAL: signal it, wait up to 10 s, then kill it
stop() {
  local process; process=$(process_of "$1")
  if alive "$process"; then
    kill "-$2" "${process% *}"
    wait_until 10 gone "$process" || kill -KILL "${process% *}"
  fi
  rm -f "$DIR/run/$1.pid"
}

# ---- configuration

port_free() { ! (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The first of COUNT neighbouring free ports, below the ephemeral range.
free_ports() {
  local try base i
  for ((try = 0; try < 50; try++)); do
    base=$((10000 + RANDOM % 20000))
    for ((i = 0; i < $1; i++)); do port_free $((base + i)) || continue 2; done
    echo "$base"
    return
  done
  die 'no free ports'
}

write_config() {
  local port override line; port=$(free_ports $((NODES + 2)))
  mkdir -p "$DIR"/{etc,run,log,state,munge,spool,tmp}
  chmod 755 "$DIR" "$DIR"/{etc,run,log,munge,spool}
  chmod 1777 "$DIR/tmp"
  (umask 077; head -c 128 /dev/urandom >"$DIR/etc/munge.key")
  # The names that the nodes know: all of them are this machine.
  printf '127.0.0.1 %s\n' localhost slurmctl $(seq -f node%g "$NODES") >"$DIR/etc/hosts"
  # The daemons listen on the address of their host name only, clients as usual.
  printf '%s\n' "Include $SLURM_CONF" CommunicationParameters=NoInAddrAny,NoCtldInAddrAny >"$DIR/etc/daemon.conf"
  # Not used, but slurmd insists on a cgroup plugin, and this one works whatever is mounted.
  echo CgroupPlugin=cgroup/v1 >"$DIR/etc/cgroup.conf"
  cat >"$SLURM_CONF" <<CONF
ClusterName=$CLUSTER
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# cred_expire is also how long a requeued job waits before it may start (default 120, least 5 s).
AuthInfo=socket=$MUNGE_SOCKET,cred_expire=5

StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool/%n
TmpFS=$DIR/tmp/%n
SlurmctldPidFile=$DIR/state/slurmctld.pid
SlurmdPidFile=$DIR/spool/%n/slurmd.pid
SlurmctldLogFile=$DIR/log/slurmctld.log
SlurmdLogFile=$DIR/log/slurmd-%n.log
JobCompType=jobcomp/filetxt
JobCompLoc=$DIR/log/jobcomp.log
MailProg=/bin/true

# Jobs are as nice as who submits them; the daemons are not, so that they answer while jobs keep all processors busy.
PropagatePrioProcess=1

# No cgroups needed: memory use is polled each second, and jobs over their limit are killed.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill

SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal

# Faults are seen within seconds instead of minutes.
SlurmdTimeout=5
MessageTimeout=5
TCPTimeout=2
KillWait=3
BatchStartTimeout=5
UnkillableStepTimeout=10
MinJobAge=3600
ReturnToService=2

SlurmdParameters=config_overrides
NodeName=DEFAULT Sockets=1 CoresPerSocket=$CPUS ThreadsPerCore=1 RealMemory=$MEM
NodeName=node[1-$NODES] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + NODES))]
PartitionName=DEFAULT Nodes=ALL MaxTime=1-0 DefaultTime=0:10:0 DefMemPerCPU=$((MEM / CPUS))
PartitionName=main Default=YES PriorityTier=1 GraceTime=5
PartitionName=urgent PriorityTier=10 PreemptMode=OFF
CONF
  [[ -z $ACCOUNTING ]] || write_accounting_config $((port + NODES + 1))
  for override in "${OVERRIDES[@]}"; do
    sed -i "/^${override%%=*}=/d" "$SLURM_CONF"
    [[ $override == *= ]] || echo "$override" >>"$SLURM_CONF"
  done
  for line in "${LINES_ADDED[@]}"; do echo "$line" >>"$SLURM_CONF"; done
}

write_accounting_config() {
  cat >>"$SLURM_CONF" <<CONF
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$1
AccountingStoragePass=$MUNGE_SOCKET
CONF
  (umask 077; cat >"$DIR/etc/slurmdbd.conf") <<CONF
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$MUNGE_SOCKET
CommunicationParameters=NoInAddrAny
DbdHost=localhost
DbdPort=$1
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageLoc=slurm
LogFile=$DIR/log/slurmdbd.log
PidFile=$DIR/state/slurmdbd.pid
CONF
}

# ---- daemons

# Without grant tables the database needs no installation step; only root can reach its socket.
start_accounting() {
  mkdir -m 700 "$DIR/db"
  daemon mariadbd mariadbd --no-defaults --user=root --datadir="$DIR/db" \
    --socket="$DIR/db/socket" --pid-file="$DIR/db/pid" --skip-networking --skip-grant-tables \
    --innodb-log-file-size=16M --innodb-flush-log-at-trx-commit=0
  wait_until 30 test -S "$DIR/db/socket"
  MYSQL_UNIX_PORT=$DIR/db/socket control slurmdbd
  wait_until 30 sacctmgr -i -Q add cluster "$CLUSTER" >"$DIR/log/sacctmgr.out" 2>&1
}

# In a chroot "/" is no mount point whose propagation could be changed.
propagation() { if unshare --mount true 2>/dev/null; then echo private; else echo unchanged; fi; }

# control DAEMON: start it under a host name that means 127.0.0.1, as it will listen there
# shellcheck disable=SC2016  # expanded by the inner bash
control() {
  SLURM_CONF=$DIR/etc/daemon.conf daemon "$1" unshare --uts --mount --propagation "$(propagation)" bash -c '
    hostname slurmctl
    mount --bind "$2/etc/hosts" /etc/hosts
    exec "$1" -D' init "$1" "$DIR"
}

# boot_node NODE: slurmd below an init process in namespaces of its own.
# Stale sockets of a crashed node would make Slurm's PMIx plugin fail: boot with empty spools.
# shellcheck disable=SC2016  # expanded by the inner bash
boot_node() {
  rm -rf "$DIR/spool/$1" "$DIR/tmp/$1"
  mkdir "$DIR/spool/$1"
  mkdir -m 1777 "$DIR/tmp/$1"
  SLURM_CONF=$DIR/etc/daemon.conf daemon "$1" \
    unshare --uts --pid --fork --kill-child --mount --propagation "$(propagation)" bash -c '
    hostname "$1"
    mount -t proc proc /proc
    mount --bind "$2/etc/hosts" /etc/hosts
    mount -t tmpfs tmpfs /dev/shm
    slurmd -D -N "$1" &
    while sleep 3600; do :; done' init "$1" "$DIR"
}

# Killing the init process kills all that runs in the node; unshare exits when that is done.
crash_node() {
  local process pid init; process=$(process_of "$1") pid=${process% *}
  if alive "$process"; then
    init=$(<"/proc/$pid/task/$pid/children")
    kill -KILL "${init% }"
    wait_until 10 gone "$process"
  fi
  rm -f "$DIR/run/$1.pid"
}

# --root: entering a mount namespace alone would leave a chroot
in_node() {
  local process ns; process=/proc/$(pid_of "$1") ns=$process/ns
  nsenter --uts="$ns/uts" --mount="$ns/mnt" --pid="$ns/pid_for_children" --root="$process/root" -- "${@:2}"
}

# signal_slurmd NODE SIGNAL: its pid file holds the pid as seen inside the node
signal_slurmd() { in_node "$1" kill "-$2" "$(<"$DIR/spool/$1/slurmd.pid")"; }

start_node() {
  if ! is_up "$1"; then
    boot_node "$1"
  elif ! signal_slurmd "$1" 0 2>/dev/null; then
    SLURM_CONF=$DIR/etc/daemon.conf in_node "$1" slurmd -N "$1" </dev/null >/dev/null 2>&1
  fi
}

# Clients would try for 9 s to reach a dead slurmctld: look for its process first.
answers() { is_up slurmctld && scontrol ping 2>/dev/null | grep -q 'is UP'; }
all_idle() { is_up slurmctld && (($(sinfo -h -N -p main -t idle -o %N 2>/dev/null | wc -l) == NODES)); }
settled() { all_idle || ! is_up slurmctld; }

start_control() { renice -n -5 -p $$ >/dev/null 2>&1 || :; control slurmctld; wait_until 20 answers || die 'slurmctld does not answer'; }
stop_control() { stop slurmctld "$([[ $1 == -9 ]] && echo KILL || echo TERM)"; }

# ---- commands

check() {
  local tool
  for tool in munged slurmctld slurmd srun unshare nsenter ${ACCOUNTING:+slurmdbd mariadbd}; do
    command -v "$tool" >/dev/null || impossible "the command $tool is missing (packaging/install-debian.sh test)"
  done
  ((EUID == 0)) || impossible 'it needs root, or sudo that asks for no password'
  # shellcheck disable=SC2016
  unshare --uts --pid --fork --mount --propagation "$(propagation)" bash -c 'mount -t tmpfs tmpfs /dev/shm' 2>/dev/null ||
    impossible 'this container may not make namespaces and mounts'
  # Slurm asks the resolver for addresses of configured families only, and lo alone is not one.
  getent ahostsv4 127.0.0.1 >/dev/null ||
    impossible 'only 127.0.0.1 is configured; mend it by: ip address add 127.0.0.2/8 dev lo'
}

# try_up: one attempt; another cluster may take our ports between the look and the start
try_up() {
  local node
  mkdir -p "$DIR"
  write_config
  # --force: a group-writable parent directory is no reason to fail here.
  daemon munged munged --foreground --force --num-threads=2 --key-file="$DIR/etc/munge.key" \
    --socket="$MUNGE_SOCKET" --pid-file="$DIR/munge/pid" --seed-file="$DIR/munge/seed"
  wait_until 10 test -S "$MUNGE_SOCKET" || return 1
  [[ -z $ACCOUNTING ]] || start_accounting || return 1
  control slurmctld
  wait_until 20 answers || return 1
  for node in $(seq -f node%g "$NODES"); do boot_node "$node"; done
  wait_until 20 settled || return 1
  all_idle
}

up() {
  check
  renice -n -5 -p $$ >/dev/null 2>&1 || :  # for the daemons; jobs do not inherit it (PropagatePrioProcess)
  if is_up slurmctld && [[ $(cat "$DIR/run/owner" 2>/dev/null) ]] && alive "$(cat "$DIR/run/owner")"; then
    die "$DIR: a cluster is up there, and the process that asked for it lives; use another folder (-d), or take it down"
  fi
  down
  local attempt logs=
  for attempt in 1 2 3; do
    if try_up; then
      [[ -z $OWNER ]] || watch_owner
      return
    fi
    logs=$(! is_up slurmctld || sinfo -R 2>&1; tail -n 20 "$DIR"/log/*.out "$DIR"/log/slurmctld.log 2>&1) || :
    down
  done
  die "start failed $attempt times"$'\n'"$logs"
}

# shellcheck disable=SC2016  # expanded by the inner bash
watch_owner() {
  local start; start=$(started_at "$OWNER") || die "-w $OWNER: there is no such process"
  echo "$OWNER $start" >"$DIR/run/owner"
  daemon watch bash -c '
    start() { line=$(cat "/proc/$1/stat" 2>/dev/null) && cut -d" " -f20 <<<"${line##*) }"; }
    while [ -d "$1" ] && [ "$(start "$2")" = "$3" ]; do sleep 0.5; done
    exec "$4" -d "$1" down' watch "$DIR" "$OWNER" "$start" "$SELF"
}

down() {
  local name
  [[ -d $DIR/run ]] || return 0
  if answers; then
    timeout 10 scancel --state=PENDING || :
    timeout 10 scancel --state=RUNNING || :
  fi
  for name in "$DIR"/run/node*.pid; do crash_node "$(basename "$name" .pid)"; done
  for name in slurmctld slurmdbd mariadbd munged; do stop "$name" TERM; done
  [[ $(pid_of watch) == "$$" ]] || stop watch KILL
  rm -rf "$DIR"
}

status() {
  local file name
  for file in "$DIR"/run/*.pid; do
    name=$(basename "$file" .pid)
    if is_up "$name"; then echo "$name: running, pid $(pid_of "$name")"; else echo "$name: not running"; fi
  done
  answers || return 3
  sinfo -N -l
  squeue
}

# Open MPI: the nodes' only interface is lo, and ranks share too few cores to wait busily.
print_env() {
  cat <<ENV
export SLURM_CONF=$SLURM_CONF
export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_orte_tmpdir_base=$DIR/tmp
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ENV
}

shopt -s nullglob
command=${1:-} argument=${2:-}
case $command in
  check | up | down | crash-node | kill-slurmd | start-node | stop-ctld | start-ctld | restart-ctld)
    if ((EUID != 0)); then
      sudo -n true 2>/dev/null || impossible 'it needs root, or sudo that asks for no password'
      exec sudo -n "SLURM_TEST_DIR=$DIR" "$SELF" "${GIVEN[@]}"
    fi ;;
esac
case $command in
  crash-node | kill-slurmd | start-node)
    [[ $argument && -d $DIR/spool/$argument ]] || die "no such node: '$argument'" ;;
esac
case $command in
  check) check ;;
  up) up; echo "$DIR" ;;
  down) down ;;
  status) status ;;
  env) print_env ;;
  crash-node) crash_node "$argument" ;;
  kill-slurmd) signal_slurmd "$argument" KILL ;;
  start-node) start_node "$argument" ;;
  stop-ctld) stop_control "$argument" ;;
  start-ctld) start_control ;;
  restart-ctld) stop_control "$argument"; start_control ;;
  *) usage >&2; exit 2 ;;
esac
