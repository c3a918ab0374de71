"""Prints transcripts and differences for people."""

from typing import Any, Iterable

from .compare import Difference
from .connection import Exchange

_SHOWN = 1500
_NAMED = 8


def transcript(name: str, kafka: list[Exchange], weir: list[Exchange]) -> str:
    """Both brokers' transcripts, exchange by exchange."""
    lines = [f"== {name}"]
    for index in range(max(len(kafka), len(weir))):
        for broker, side in (("kafka", kafka), ("weir", weir)):
            if index < len(side):
                exchange = side[index]
                if broker == "kafka" or index >= len(kafka):
                    lines.append(f"#{index} {exchange.api} v{exchange.version} {_short(exchange.request)}")
                lines.append(f"   {broker:5} {exchange.seconds:.3f} s {exchange.outcome} {exchange.detail} "
                             f"{_short(exchange.answer)}")
    return "\n".join(lines)


def differences(found: Iterable[Difference]) -> list[str]:
    """One line for each sequence and field that differs in the same way, with all versions in which it does."""
    rows: dict[tuple, list] = {}
    for one in found:
        # The own API's version is that of the run; another API's is always the same.
        api = f"{one.api}" if one.api_version == one.version else f"{one.api} v{one.api_version}"
        what = f"#{one.entry} {api} {one.path}: Kafka {_value(one.kafka)}, Weir {_value(one.weir)}"
        rows.setdefault((one.sequence, what), []).append(one.version)
    return [f"{sequence}{_versions(versions)} {what}" for (sequence, what), versions in sorted(
        rows.items(), key=lambda row: row[0][0])]


def summary(found: Iterable[Difference]) -> list[str]:
    """One line for each field that differs in the same way, with its sequences; the most frequent first."""
    rows: dict[str, dict[str, list]] = {}
    for one in found:
        what = f"{one.api} {one.field}: Kafka {_value(one.kafka)}, Weir {_value(one.weir)}"
        rows.setdefault(what, {}).setdefault(f"{one.sequence} #{one.entry}", []).append(one.version)
    lines = []
    for what, sequences in sorted(rows.items(), key=lambda row: -len(row[1])):
        named = [f"{name}{_versions(versions)}" for name, versions in list(sequences.items())[:_NAMED]]
        more = f" and {len(sequences) - _NAMED} more" if len(sequences) > _NAMED else ""
        lines.append(f"{what}\n         {', '.join(named)}{more}")
    return lines


def _versions(versions: list[int | None]) -> str:
    if None in versions:
        return ""
    spans: list[list[int]] = []
    for version in sorted(set(versions)):
        if spans and spans[-1][1] == version - 1:
            spans[-1][1] = version
        else:
            spans.append([version, version])
    return "@" + ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
