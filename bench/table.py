"""The report of make bench as one Markdown table of medians, with what must be known to read it."""

import platform
import statistics
from pathlib import Path

BUSY = 0.7  # load average from which on the report warns; waiting for a quiet minute helps

# Title, measurement, field, format. The best of each row is not marked: the reader sees it.
ROWS = [
    ("CPU µs per TLS 1.3 login and logout", "login_128", "cpu_us_per_login", "{:,.0f}"),
    ("logins a second on one core, 128 at a time", "login_128", "logins_per_s", "{:,.0f}"),
    ("login ms, one at a time: p50", "login_1", "p50_ms", "{:.2f}"),
    ("login ms, one at a time: p99", "login_1", "p99_ms", "{:.2f}"),
    ("login ms, 32 at a time: p50", "login_32", "p50_ms", "{:.1f}"),
    ("login ms, 32 at a time: p99", "login_32", "p99_ms", "{:.1f}"),
    ("CPU µs per TLS 1.3 login by certificate alone", "login_certificate", "cpu_us_per_login", "{:,.0f}"),
    ("such logins a second, 128 at a time", "login_certificate", "logins_per_s", "{:,.0f}"),
    ("KiB PSS per idle session, of 1,000", "idle", "kib_per_session_1000", "{:.1f}"),
    ("KiB PSS per idle session, of 5,000", "idle", "kib_per_session_5000", "{:.1f}"),
    ("MB/s of bulk FETCH", "fetch", "mb_per_s", "{:,.0f}"),
    ("CPU µs per MB of bulk FETCH", "fetch", "cpu_us_per_mb", "{:,.0f}"),
    ("refused at accept, per CPU second", "refuse_accept", "refused_per_cpu_s", "{:,.0f}"),
    ("refused: clear text on the TLS port, per CPU second", "refuse_plain", "refused_per_cpu_s",
     "{:,.0f}"),
    ("refused: HTTP after TLS, per CPU second", "refuse_tls", "refused_per_cpu_s", "{:,.0f}"),
]


def machine():
    """Processor and kernel, in a line."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, Linux {platform.release().split('-')[0]}"


def median(results, field):
    """None when nothing was measured."""
    values = [result[field] for result in results if field in result and not result.get("errors")]
    return statistics.median(values) if values else None


def cell(results, field, form):
    value = median(results, field) if results else None
    if value is None:
        return "failed" if results else "–"
    return form.format(value)


def helper_cost(report, name):
    """CPU time of the auth_http helper per login, of the peer that has one."""
    values = [result["helper_cpu_us"] / result["logins"]
              for result in report["results"][name].get("login_128", [])
              if result.get("helper_cpu_us") and result.get("logins")]
    return statistics.median(values) if values else None


def slack_notes(report, what, measurement):
    """Who could have done more, had the other core been faster."""
    idle = []
    for name, results in report["results"].items():
        busy = median(results.get(measurement, []), "server_busy")
        if busy is not None and busy < 0.9:
            idle.append(f"{name} ({100 * busy:.0f} %)")
    if not idle:
        return []
    return [f"{what} is a lower bound where the peer did not use up its core, since the other one "
            f"could not keep up: {', '.join(idle)}."]


def notes(report):
    pinning = ("each peer alone on one core with one worker, load tool and backend on another"
               if report["pinned"] else "only one core: nothing pinned, figures disturb each other")
    lines = [
        f"{report['date']}, {report['machine']}; medians of {report['rounds']} interleaved "
        f"round(s){', quick' if report['quick'] else ''}; {pinning}.",
        "Loopback; P-256 certificate; TLS 1.3, TLS_AES_256_GCM_SHA384, X25519, no resumption; the "
        "same backend for all. A login's time is from connect() to the OK of LOGIN. CPU time and "
        "memory are those of all processes of the peer; each peer logs who came and went to a file. "
        "1 MB is 1,000,000 octets; four sessions fetch 10 MB messages.",
    ]
    if report["load_before"] > BUSY:
        lines.append("The machine was busy with other work (load average "
                     f"{report['load_before']:.1f} at the start): compare the columns, don't quote "
                     "the figures.")
    for name in report["results"]:
        cost = helper_cost(report, name)
        if cost is not None:
            lines.append(f"{name} also needs an HTTP service for every login: a minimal one in C "
                         f"took {cost:.0f} µs of the other core, not counted above.")
    lines += slack_notes(report, "MB/s", "fetch")
    lines += slack_notes(report, "The number of logins a second", "login_128")
    if "Postern" in report["results"]:
        lines.append("Postern's limits for each address, prefix and user are raised for the bench.")
    if any("login_certificate" in results for results in report["results"].values()):
        lines.append("By certificate alone: Postern's gate verifies the client's signature and "
                     "certificate, its broker verifies the certificate again and logs in at the "
                     "backend as master user; –: the peer can't. The client's own signature is "
                     "made on the other core.")
    if any("refuse_accept" in results for results in report["results"].values()):
        lines.append("–: the peer has no rule that refuses an address at accept.")
    return lines


def text(report):
    names = list(report["results"])
    heads = [f"{name} {report['versions'][name]}" for name in names]
    lines = ["| | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(names)]
    for title, measurement, field, form in ROWS:
        if not any(measurement in report["results"][name] for name in names):
            continue
        cells = [cell(report["results"][name].get(measurement), field, form) for name in names]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines + [""] + notes(report))
