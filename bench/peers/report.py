"""Tables of a comparison."""
from statistics import median

SPEEDS = """| shape | Tarn | peer | MB Tarn / peer | depth | prefill Tarn | prefill peer | ratio | decode Tarn | decode peer | ratio | % of probe Tarn / peer | probe GB/s |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""
LOADS = """| shape | Tarn | peer | load s Tarn | load s peer | ratio | peak resident MB Tarn | peak resident MB peer | ratio |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"""


def spread(values):
    return {"median": median(values), "min": min(values), "max": max(values)} if values else None


def summarize(pair):
    """Rows of a pair, one a depth: spreads over the rounds, ratios taken within each round."""
    rounds = pair["rounds"]
    rows = []
    for depth in rounds[0]["tarn"]["tests"] if rounds else []:
        row = {"shape": pair["shape"], "tarn": pair["tarn"], "peer": pair["peer"], "depth": depth}
        for kind in ("prefill", "decode"):
            ours = [r["tarn"]["tests"][depth][kind] for r in rounds]
            theirs = [r["peer"]["tests"][depth][kind] for r in rounds]
            row[kind] = {
                "tarn": spread(ours),
                "peer": spread(theirs),
                "ratio": spread([a / b for a, b in zip(ours, theirs)]),
            }
        row["percent_of_probe"] = {side: spread(percents(rounds, side, depth)) for side in ("tarn", "peer")}
        row["probe"] = spread([value for r in rounds for value in r["probes"]])
        rows.append(row)
    return rows


def percents(rounds, side, depth):
    """Of the bandwidth probed around each run, the part that decoding drew."""
    result = []
    for r in rounds:
        test = r[side]["tests"][depth]
        if "bytes_per_token" in test:
            result.append(100 * test["decode"] * test["bytes_per_token"] / r[side]["probe"])
    return result


def number(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(values):
    return f"{number(values['median'])} ({number(values['min'])}-{number(values['max'])})"


def ratio(values, target):
    below = "" if target is None or values["median"] >= target else " **below**"
    return cell(values) + below


def speed_table(pairs, targets):
    """Targets are least ratios to llama.cpp, by kind of test."""
    lines = [SPEEDS]
    for pair in pairs:
        for row in summarize(pair):
            aims = targets if pair["engine"] == "llama.cpp" else {}
            percent = [row["percent_of_probe"][side] for side in ("tarn", "peer")]
            cells = [
                row["shape"],
                row["tarn"],
                row["peer"],
                f"{pair['tarn_bytes'] / 1e6:.0f} / {pair['peer_bytes'] / 1e6:.0f}",
                str(row["depth"]),
            ]
            for kind in ("prefill", "decode"):
                speeds = row[kind]
                cells += [cell(speeds["tarn"]), cell(speeds["peer"]), ratio(speeds["ratio"], aims.get(kind))]
            cells.append(" / ".join(f"{p['median']:.0f}" if p else "-" for p in percent))
            cells.append(f"{row['probe']['min'] / 1e9:.1f}-{row['probe']['max'] / 1e9:.1f}")
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def load_table(pairs):
    lines = [LOADS]
    for pair in pairs:
        cells = [pair["shape"], pair["tarn"], pair["peer"]]
        for key, unit in (("load_seconds", 1), ("peak_resident", 1e6)):
            ours = [r["tarn"][key] / unit for r in pair["rounds"]]
            theirs = [r["peer"][key] / unit for r in pair["rounds"]]
            cells += [cell(spread(ours)), cell(spread(theirs))]
            cells.append(ratio(spread([a / b for a, b in zip(ours, theirs)]), None))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def verdict(pairs, targets):
    """How many rows reach each least ratio; one line a kind of test."""
    rows = [row for pair in pairs if pair["engine"] == "llama.cpp" for row in summarize(pair)]
    lines = []
    for kind, target in targets.items():
        met = sum(row[kind]["ratio"]["median"] >= target for row in rows)
        lines.append(f"{kind}: at least {target:g} times llama.cpp's in {met} of {len(rows)} rows (by the median).")
    return lines if rows else []
