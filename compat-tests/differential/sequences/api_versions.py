"""ApiVersions, and what a connection does with requests that are no API's."""

from ..sequence import sequence
from ..talk import Talk


@sequence("api_versions.all", api="ApiVersions")
def all_versions(t: Talk) -> None:
    t.send("ApiVersions", {"ClientSoftwareName": "a", "ClientSoftwareVersion": "1"})


@sequence("api_versions.client_name", api="ApiVersions", versions=(3, 4), cases=["", " ", "-a", "a-", "a b", "ä", "a.b-1"])
def client_name(t: Talk, name: str) -> None:
    t.send("ApiVersions", {"ClientSoftwareName": name, "ClientSoftwareVersion": "1"})
    t.send("ApiVersions", {"ClientSoftwareName": "a", "ClientSoftwareVersion": name})
    t.send("Metadata", {"Topics": []}, version=9)


@sequence("api_versions.unknown_version", cases={"5": 5, "100": 100, "max": 32767})
def unknown_version(t: Talk, version: int) -> None:
    """The answer is in version 0, and the connection goes on."""
    connection = t.connect()
    frame = connection.frame("ApiVersions", 4, {"ClientSoftwareName": "a", "ClientSoftwareVersion": "1"})
    connection.post_frame("ApiVersions", version, frame[:2] + version.to_bytes(2, "big") + frame[4:]).answer()
    connection.send("Metadata", 9, {"Topics": []})


@sequence("connection.unknown_key", cases={"89": 89, "1000": 1000, "-1": 65535})
def unknown_key(t: Talk, key: int) -> None:
    connection = t.connect()
    frame = connection.frame("Metadata", 9, {"Topics": []})
    connection.post_frame("Metadata", 9, key.to_bytes(2, "big") + frame[2:]).answer()
