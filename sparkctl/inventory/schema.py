"""The inventory as it is written: every key, its type, its default, its meaning. `python -m` writes the JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from sparkctl.inventory.cluster import DEFAULT_HF_CACHE, DEFAULT_IMAGE
from sparkctl.inventory.fields import (
    Address,
    Argument,
    EnvName,
    EnvValue,
    HomePath,
    Image,
    Jump,
    LocalPath,
    Name,
    Netdev,
    RailAddress,
    RemotePath,
    User,
    Variable,
)

MIN_MTU = 1280
"""The smallest that every IPv6 link must carry (RFC 8200, section 5)."""

MAX_MTU = 9216
"""What switches call jumbo (MikroTik CRS8xx, NVIDIA Spectrum); the ConnectX-7 itself goes a little further."""

MAX_HOSTS = 64
MAX_SHARES = 64

Port = Annotated[int, Field(ge=1, le=65535)]
Env = dict[Variable, EnvValue]


class Strict(BaseModel):
    """No key that is not declared, no type but the one that is."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class SshModel(Strict):
    """How the controller logs in; what is not said here is as in your ~/.ssh/config."""

    user: User | None = None
    """The login user; the same on all hosts spares you trouble with NFS."""
    identity_file: LocalPath | None = None
    """Your private key on this machine, like ~/.ssh/id_ed25519; without it, your agent and the usual keys are tried."""
    port: Port = 22
    """The port of sshd."""
    jump: Jump | None = None
    """A jump host: [user@]host[:port]."""


class RailModel(Strict):
    """One rail: half of the cabled QSFP port."""

    address: RailAddress = Field(examples=["192.168.100.10/24"])
    """IPv4 address and prefix. Each rail of a host has a network of its own, shared with the same rail of its peers."""


class HostModel(Strict):
    """One Spark."""

    address: Address = Field(examples=["192.168.1.21"])
    """Where this machine reaches it: an IP address or a host name of the management network."""
    fabric: dict[Netdev, RailModel] = Field(default_factory=dict)
    """The rails of the cabled port by network device, like enp1s0f1np1 and enP2p1s0f1np1 (see `ibdev2netdev`)."""
    env: Env = Field(default_factory=dict)
    """Environment of this host's containers alone, over runtime.env."""
    ssh: SshModel | None = None
    """What differs from the cluster's `ssh`; the same four keys may stand beside `address` as well."""
    user: User | None = None
    """The login user of this host."""
    identity_file: LocalPath | None = None
    """Your private key for this host."""
    port: Port | None = None
    """The port of this host's sshd."""
    jump: Jump | None = None
    """This host's jump host."""


class FabricModel(Strict):
    """The network of the QSFP ports."""

    topology: Literal["pair", "ring", "switch", "none"] | None = None
    """pair: one cable between two hosts; ring: three hosts, port 0 to port 1; switch: one cable each; none: no cables.
    Default: what the rails' networks say."""
    mtu: int = Field(default=9000, ge=MIN_MTU, le=MAX_MTU)
    """Bytes of a frame, equal on all hosts and on the switch."""


class ShareModel(Strict):
    """A directory of one host that others mount over NFS."""

    export: RemotePath = Field(examples=["/home/nvidia/.cache/huggingface"])
    """The directory on the server."""
    server: Name = Field(examples=["spark-1"])
    """The host that has it."""
    mount: RemotePath | None = None
    """Where the clients mount it; default: the same path."""
    clients: list[Name] | None = None
    """The hosts that mount it; default: all others."""
    mode: Literal["rw", "ro"] = "rw"
    """ro keeps clients from writing."""


class BuildModel(Strict):
    """An image of your own."""

    build: LocalPath = Field(examples=["./image"])
    """A directory with a Dockerfile, on this machine."""


def _image_kind(value: Any) -> str:
    return "\0build" if isinstance(value, dict | BuildModel) else "\0image"


ImageOrBuild = Annotated[
    Annotated[Image, Tag("\0image")] | Annotated[BuildModel, Tag("\0build")], Discriminator(_image_kind)
]


class RuntimeModel(Strict):
    """The containers."""

    image: ImageOrBuild = DEFAULT_IMAGE
    """The image with vLLM, or {build: DIRECTORY} for a Dockerfile of your own."""
    launcher: Literal["ray", "mp", "auto", "slurm"] = "ray"
    """What spans the hosts: Ray, vLLM's own multi-node launcher (mp), whichever the image has (auto), or SLURM."""
    env: Env = Field(default_factory=dict)
    """Environment of all containers, like NCCL_IB_TC: 106. Secrets are refused: name a file instead."""
    docker_args: list[Argument] = Field(default_factory=list)
    """More arguments of `docker run`, passed on untouched, one item each."""
    hf_token_file: LocalPath | None = None
    """A file on this machine with your Hugging Face token, mode 0600."""
    hf_token_env: EnvName | None = None
    """A variable of this machine's environment with your Hugging Face token."""
    hf_cache: HomePath | None = Field(default=None, examples=[DEFAULT_HF_CACHE])
    """The directory on the hosts with the models; default: the first NFS mount whose path ends with huggingface, else
    ~/.cache/huggingface in the home of the login user."""


class ServeModel(Strict):
    """The endpoint."""

    port: Port = 8000
    """Where the head answers the OpenAI API."""
    api_key_file: LocalPath | None = None
    """A file on this machine with the key that clients must send, mode 0600; null: no key."""


class InventoryModel(Strict):
    """A stack of DGX Sparks: the hosts, their network devices and NFS exports."""

    cluster: Name = Field(examples=["two-sparks"])
    """A name for the stack: containers carry it as a label, known_hosts is kept under it."""
    head: Name = Field(examples=["spark-1"])
    """The host that runs the Ray head and answers the API."""
    hosts: dict[Name, HostModel] = Field(
        min_length=1, max_length=MAX_HOSTS, examples=[{"spark-1": {"address": "192.168.1.21"}}]
    )
    """The Sparks by name, 1 to 64."""
    ssh: SshModel = SshModel()
    fabric: FabricModel = FabricModel()
    nfs: list[ShareModel] = Field(default_factory=list, max_length=MAX_SHARES)
    """Directories that one host shares with others."""
    runtime: RuntimeModel = RuntimeModel()
    serve: ServeModel = ServeModel()
    lab: Name | None = None
    """The lab whose network this machine enters first; written by `sparkctl lab up`."""


def json_schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    """The JSON Schema of a document, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(), "title": title}


if __name__ == "__main__":
    import json
    import sys

    json.dump(json_schema(InventoryModel, "sparkctl inventory"), sys.stdout, indent=2)
    sys.stdout.write("\n")
