"""Makes findings from the facts of a server. Pure.

The reasons are in docs/adr/0003-what-five-days-means.md and in `cache/embedded/valkey.py`. A server that the operator
configures should have the settings of `cache/embedded/valkey.py`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, cast

from cache.errors import Unavailable, UnavailableReason
from cache.server.examine import NodeFacts, number
from domain.finding import Finding, Level

_Info = Mapping[str, str]
_Config = Mapping[str, str] | None

OLDEST: Final = (7, 0)
OLDEST_VALKEY: Final = (7, 2)

CLOCK_WARN: Final = 2.0
CLOCK_FAIL: Final = 30.0
"""Seconds. The server's clock gives messages their times and expiry times. This machine's clock gives tokens and proofs
their times. If this machine's clock is wrong by minutes, Facebook and callers refuse these tokens and proofs."""

FULL_SHARE: Final = 0.8
"""Used share of `maxmemory` from which there is a warning. A full server refuses every message."""

SLOW_SECONDS: Final = 0.05
"""A round trip within one data centre takes a millisecond. A delivery needs two round trips, and has five seconds."""

REASONS: Final[dict[UnavailableReason, tuple[str, str]]] = {
    "redis_unreachable": (
        "No connection to Redis.",
        "Is the server up, and REDIS_URL right: host, port, rediss:// for TLS?",
    ),
    "redis_host_unknown": ("The name service does not know the host of REDIS_URL.", "Correct the host in REDIS_URL."),
    "redis_not_listening": (
        "No server listens at the address of REDIS_URL.",
        "Start Redis, or correct host, port or socket path in REDIS_URL.",
    ),
    "redis_no_master": (
        "No Sentinel knows a master of this name.",
        "Correct the master's name or the Sentinels' addresses in REDIS_URL; are the Sentinels up?",
    ),
    "redis_certificate_untrusted": (
        "The certificate of Redis is not trusted.",
        "Set REDIS_TLS_CA to the certificate of its authority; the host in REDIS_URL must be in the certificate.",
    ),
    "redis_tls_refused": (
        "Redis refuses the TLS connection.",
        "Set REDIS_TLS_CERT and REDIS_TLS_KEY if it asks for a client certificate; does this port speak TLS at all?",
    ),
    "redis_login_refused": (
        "Redis does not accept the user or password.",
        "Correct them in REDIS_URL; characters such as @ and / must be percent-encoded.",
    ),
    "redis_sentinel_login_refused": (
        "The Sentinels do not accept the user or password.",
        "Set sentinel_username and sentinel_password in the query of REDIS_URL.",
    ),
    "redis_too_many_clients": (
        "Redis accepts no more connections.",
        "Raise maxclients in its configuration; each process of the service needs up to 260.",
    ),
    "redis_no_permission": (
        "The user of REDIS_URL may not run a command that the service needs.",
        "Give it the rights that docs/operate.md lists (ACL SETUSER).",
    ),
    "redis_command_unknown": (
        "Redis does not know a command that the service needs.",
        "Use Redis 7.0, Valkey 7.2, or newer, and do not rename commands.",
    ),
    "redis_disk_failed": (
        "Redis cannot write to its disk and refuses writes (MISCONF).",
        "Free space on its disk; its log says why.",
    ),
    "redis_not_replicated": (
        "Too few replicas are connected, and Redis refuses writes (NOREPLICAS).",
        "Bring the replicas back, or lower min-replicas-to-write.",
    ),
    "redis_busy": ("A script of another user blocks Redis (BUSY).", "SCRIPT KILL ends it."),
    "redis_full": ("Redis is full.", "Give it more memory (maxmemory)."),
    "redis_read_only": ("This is a replica: it takes no messages.", "Let REDIS_URL lead to the primary."),
    "redis_timeout": (
        "Redis takes the connection or the command, and does not answer in time.",
        "Is the server stuck or overloaded (its log, its CPU)? Does a firewall drop the answers?",
    ),
    "redis_loading": ("Redis is loading its data.", "Wait until it has; its log says how far it is."),
    "redis_refused": (
        "Redis refuses a command for another reason.",
        "Look at its log, and at what its user may do (ACL). A damaged key of one shop also ends here.",
    ),
    "redis_unfit": (
        "Redis may lose messages: its eviction policy or its version is wrong.",
        "Set maxmemory-policy noeviction; use Redis 7.0, Valkey 7.2, or newer.",
    ),
    "redis_clock_wrong": (
        "Redis calls a message too old that is young by this machine's clock.",
        "Set the clocks of both machines by NTP.",
    ),
    "redis_went_back": (
        "Redis has older data than before.",
        "Wait: purges and lost messages are caught up now. Then find out why it lost its last writes.",
    ),
    "purge_journal_failed": (
        "The journal of purges cannot be written or read.",
        "Free space in the directory that PURGE_JOURNAL names, and let the service's user write there.",
    ),
    "no_page_connected": (
        "No Page was ever connected in this Redis.",
        "Is it the right server and database? Then connect a Page.",
    ),
    "registry_lost": (
        "Redis has lost Pages that were connected.",
        "Restore its data, or accept the loss: page-inbox pages accept-loss.",
    ),
    "seal_key_missing": (
        "No key of SEAL_KEYS decrypts a shop's secret.",
        "Put the missing key behind the first one in SEAL_KEYS.",
    ),
    "queue_full": (
        "More arrives than Redis stores, or Redis is slow.",
        "Look at the time to store a batch; give Redis a faster machine, or the service more replicas.",
    ),
    "closing": ("The process is stopping.", "Nothing: Facebook delivers again."),
    "contended": ("The same message was changed by others at every try.", "Nothing: Facebook delivers again."),
}
"""For each reason of a failure: the problem and its remedy."""


def unreachable(error: Unavailable, about: str = "") -> Finding:
    """Returns the finding for a server that did not answer."""
    sentence, remedy = REASONS[cast("UnavailableReason", error.reason)]
    return Finding("redis.unreachable", "fail", sentence, remedy, about)


def judge(facts: NodeFacts) -> Iterator[Finding]:
    """Yields the findings about one primary."""
    if facts.round_trip > SLOW_SECONDS:
        sentence = f"Redis answers after {facts.round_trip * 1000:.0f} ms."
        yield Finding("redis", "warn", sentence, "Run service and Redis close to each other.", facts.name)
    else:
        yield Finding("redis", "ok", f"Redis answers after {facts.round_trip * 1000:.1f} ms.", about=facts.name)
    yield _clock(facts)
    if not facts.scripts:
        remedy = "Allow the user of REDIS_URL the commands EVAL and EVALSHA (ACL: +@scripting)."
        yield Finding("redis.scripts", "fail", "Redis runs no scripts for this user.", remedy, facts.name)
    if facts.info is None:
        sentence = "Redis refuses INFO: version, policy and persistence are unknown."
        yield Finding("redis.version", "warn", sentence, "Allow the user +info, or look by hand.", facts.name)
        return
    yield _version(facts.info, facts.name)
    yield _policy(facts.info, facts.name)
    yield _memory(facts.info, facts.name)
    yield _persistence(facts.info, facts.config, facts.name)
    yield _leftovers(facts.info, facts.config, facts.name)
    yield _replication(facts.info, facts.config, facts.name)
    if facts.cluster_state is not None:
        yield _cluster(facts.cluster_state, facts.name)


def _clock(facts: NodeFacts) -> Finding:
    ahead = facts.clock_ahead
    off = max(0.0, abs(ahead) - facts.round_trip / 2)
    if off <= CLOCK_WARN:
        return Finding("redis.clock", "ok", f"Its clock and this machine's agree ({ahead:+.2f} s).", about=facts.name)
    sentence = f"Its clock is {off:.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's."
    remedy = "Let both machines set their clocks by NTP; messages live as long as the server's clock says."
    return Finding("redis.clock", "fail" if off > CLOCK_FAIL else "warn", sentence, remedy, facts.name)


def _version(info: _Info, about: str) -> Finding:
    kind = info.get("server_name", "redis").lower()
    if "valkey_version" in info:
        kind, version, oldest = "Valkey", info["valkey_version"], OLDEST_VALKEY
    else:
        version, oldest = info.get("redis_version", ""), OLDEST
    if "dragonfly_version" in info or kind not in {"Valkey", "redis", "valkey"}:
        return Finding(
            "redis.version", "warn", "This is neither Redis nor Valkey, but a server with the same protocol.",
            "The service is tested with Redis 7.0 and 8.2 and with Valkey 9; use one of them.", about,
        )  # fmt: skip
    named = f"{kind.capitalize()} {version}"
    found = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if found >= oldest:
        return Finding(
            "redis.version", "ok", f"{named}, {info.get('redis_mode') or info.get('server_mode', '')}.", about=about
        )
    return Finding("redis.version", "fail", f"{named} is too old.", "Use Redis 7.0, Valkey 7.2, or newer.", about)


def _policy(info: _Info, about: str) -> Finding:
    policy, evicted = info.get("maxmemory_policy"), number(info, "evicted_keys")
    remedy = "Set maxmemory-policy to noeviction, in the server's configuration and not only with CONFIG SET."
    if policy is None:
        return Finding("redis.policy", "warn", "Redis does not report its maxmemory-policy.", remedy, about)
    if policy != "noeviction":
        sentence = f"maxmemory-policy is {policy}: when memory runs out, messages and Pages are thrown away in silence."
        return Finding("redis.policy", "fail", sentence, remedy, about)
    if evicted:
        sentence = f"maxmemory-policy is noeviction now, but Redis has evicted keys since it started: {evicted}."
        return Finding("redis.policy", "warn", sentence, "Messages or Pages are missing: see `pages list`.", about)
    return Finding("redis.policy", "ok", "maxmemory-policy is noeviction.", about=about)


def _memory(info: _Info, about: str) -> Finding:
    most, used = number(info, "maxmemory"), number(info, "used_memory")
    if not most:
        return Finding("redis.memory", "ok", f"{_mebibytes(used)} used; no maxmemory is set.", about=about)
    sentence = f"{_mebibytes(used)} of {_mebibytes(most)} used."
    if used < FULL_SHARE * most:
        return Finding("redis.memory", "ok", sentence, about=about)
    remedy = "Give it more memory (maxmemory): a full server refuses every message."
    return Finding("redis.memory", "warn", sentence, remedy, about)


def _persistence(info: _Info, config: _Config, about: str) -> Finding:
    fsync = (config or {}).get("appendfsync")

    def found(level: Level, sentence: str, remedy: str = "") -> Finding:
        return Finding("redis.persistence", level, sentence, remedy, about)

    if info.get("aof_enabled") != "1":
        return found(
            "warn", "Redis keeps no append-only file: a restart loses messages, and maybe Pages with their tokens.",
            "Set appendonly yes and appendfsync everysec on a disk that outlives the server; of a managed server, know "
            "how it survives the loss of a node.",
        )  # fmt: skip
    if info.get("aof_last_write_status", "ok") != "ok":
        return found("fail", "Redis cannot write its append-only file.", "Free space on its disk; its log says why.")
    if info.get("aof_last_bgrewrite_status", "ok") != "ok":
        sentence = "The last rewrite of the append-only file failed: it grows, and keeps what has expired."
        return found("warn", sentence, "Free space on its disk, then BGREWRITEAOF; its log says why.")
    if fsync == "no":
        sentence = "The append-only file reaches the disk when the kernel likes (appendfsync no)."
        return found("warn", sentence, "Set appendfsync everysec.")
    return found("ok", f"Append-only file, appendfsync {fsync or 'unknown'}.")


def _leftovers(info: _Info, config: _Config, about: str) -> Finding:
    """Returns whether bodies can stay after their expiry time: in the slow log, in snapshots, or in a file that is
    never rewritten."""
    if config is None:
        return Finding(
            "redis.leftovers", "warn", "Redis refuses CONFIG, so its configuration is unknown.",
            "See to it by hand: slowlog-log-slower-than -1, and the append-only file rewritten daily.", about,
        )  # fmt: skip
    if config.get("slowlog-log-slower-than") != "-1" and config.get("slowlog-max-len") != "0":
        sentence = "The slow log keeps commands with their arguments: message bodies, also after they expired."
        return Finding("redis.leftovers", "warn", sentence, "Set slowlog-log-slower-than to -1; SLOWLOG RESET.", about)
    if info.get("aof_enabled") == "1" and config.get("auto-aof-rewrite-percentage") == "0":
        sentence = "The append-only file is never rewritten by itself: expired and purged messages stay in it."
        remedy = "Set auto-aof-rewrite-percentage 100, and have BGREWRITEAOF run daily."
        return Finding("redis.leftovers", "warn", sentence, remedy, about)
    if config.get("save"):
        sentence = f"Redis writes snapshots (save {config['save']}): a file keeps what has expired until the next one."
        return Finding("redis.leftovers", "warn", sentence, 'Set save to "": the append-only file is enough.', about)
    return Finding("redis.leftovers", "ok", "No slow log; what has expired leaves the files.", about=about)


def _replication(info: _Info, config: _Config, about: str) -> Finding:
    if info.get("role", "master") != "master":
        remedy = "Let REDIS_URL lead to the primary; redis+sentinel:// finds it by itself."
        return Finding("redis.replication", "fail", "This is a replica: it takes no messages.", remedy, about)
    replicas = number(info, "connected_slaves")
    least = int((config or {}).get("min-replicas-to-write") or 0)
    if replicas < least:
        sentence = f"{replicas} replicas are connected, and it takes writes with {least} or more only."
        return Finding("redis.replication", "fail", sentence, "Bring the replicas back.", about)
    behind = [name for name, state in info.items() if re.fullmatch(r"slave\d+", name) and "online" not in state]
    if behind:
        sentence = f"{len(behind)} of {replicas} replicas have not caught up yet."
        return Finding("redis.replication", "warn", sentence, "Wait, then look again; its log says why.", about)
    return Finding("redis.replication", "ok", f"Primary with {replicas} replicas.", about=about)


def _cluster(state: str, about: str) -> Finding:
    if state == "ok":
        return Finding("redis.cluster", "ok", "The cluster serves all its slots.", about=about)
    remedy = "CLUSTER NODES shows which primary is down. Start it or its replica."
    return Finding("redis.cluster", "fail", "The cluster does not serve all its slots.", remedy, about)


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"
