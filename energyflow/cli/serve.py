"""A trained policy on somebody's robot: `serve` it, see its `latency`, `export` it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energyflow.config.sections import DECODERS

if TYPE_CHECKING:
    from energyflow.cli.job import Commands

RATES = (10.0, 50.0, 100.0)  # Hz of control loops
BATCHES = [1] * 10  # one plan at a time, ten times the repeats of `latency.csv`


def _serve(a: argparse.Namespace) -> None:
    from energyflow.policies.base import default_device
    from energyflow.policies.checkpoint import checkpoint_file, load, read_description
    from energyflow.serving.access import read_token
    from energyflow.serving.server import PolicyServer, serve_until_stopped

    token, model = read_token(a.token_file), checkpoint_file(a.model)
    policy, trained = load(model).to(default_device()), read_description(model)
    options: dict[str, Any] = {"seed": a.seed, "decoder": a.decoder, "nfe": a.nfe}
    options |= {name: _one(getattr(a, name)) for name in ("low", "high", "rate")}
    about = {"task": trained.task, "decoder": a.decoder}
    server = PolicyServer(policy, hz=a.hz, queue=a.queue, robots=a.robots, token=token, about=about, **options)

    def say(port: int) -> None:
        where = f"{f'[{a.host}]' if ':' in a.host else a.host}:{port}"
        print(f"{trained.method}, {trained.task}: ws://{where}; {a.hz:g} Hz; http://{where}/metrics", flush=True)

    serve_until_stopped(server, a.host, a.port, say)
    counts = server.metrics.counts
    print(f"stopped: {counts['actions_total']} actions, {counts['deadline_misses_total']} late", flush=True)


def _one(values: list[float] | None) -> Any:
    """One number stands for every coordinate."""
    return values[0] if values is not None and len(values) == 1 else values


def _latency(a: argparse.Namespace) -> None:
    import numpy as np
    import torch

    from energyflow.learning.latency import planning_times
    from energyflow.policies.base import default_device
    from energyflow.policies.checkpoint import checkpoint_file, load

    model = checkpoint_file(a.model)
    policy = load(model).to(default_device())
    rows = list(planning_times(policy, BATCHES))
    p50, p99 = np.percentile([row["ms"] for row in rows], [50, 99])
    about, horizon = rows[0], policy.spec.exec_horizon
    where = f"{next(policy.parameters()).device}, {torch.get_num_threads()} thread(s)"
    print(f"{about['method']} on {about['network']}, {about['nfe']} evaluations, {where}, {len(rows)} plans")
    print(f"a plan: {p50:.3g} ms (p50), {p99:.3g} ms (p99); one for {horizon} action(s), the others take none")
    for hz in [a.hz] if a.hz else RATES:
        print(f"{hz:g} Hz ({1000 / hz:g} ms): {'met' if p99 < 1000 / hz else 'not met'}")
    if a.soak:
        from energyflow.serving.soak import soak

        hz = a.hz or RATES[0]
        found = soak(model, hz, a.soak)
        print(
            f"served at {hz:g} Hz, {found['ticks']} actions: {found['p50']:.3g} ms (p50), {found['p99']:.3g} ms (p99),"
            f" {found['worst']:.3g} ms at worst; {found['misses']} late"
        )


def _export(a: argparse.Namespace) -> None:
    from energyflow.policies.checkpoint import checkpoint_file, load, read_description
    from energyflow.serving.export import export

    model = checkpoint_file(a.model)
    about = {"task": read_description(model).task}
    note = export(load(model), a.out, decoder=a.decoder, nfe=a.nfe, about=about)
    print(f"wrote {a.out}: {note['decoder']}, {note['evaluations']} evaluations, {note['draws']} draws of noise")


def _decoding(command: argparse.ArgumentParser) -> None:
    command.add_argument("--decoder", choices=DECODERS, default="sample", help="what plans are made by (%(default)s)")
    command.add_argument("--nfe", type=int, help="network evaluations of a plan (default: the method's own)")


def add(commands: Commands) -> None:
    """Add the commands of a robot's owner."""
    found = {}
    for name, handler, text in (
        ("serve", _serve, "serve a policy to robots, on a websocket"),
        ("latency", _latency, "how long a plan takes, and what rates it meets"),
        ("export", _export, "write a policy as an ONNX graph"),
    ):
        found[name] = command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(handler=handler, computes=True, flagged=False)
        command.add_argument("--model", type=Path, required=True, help="folder of a run, or its model.safetensors")
    serve, latency, export = found.values()
    serve.add_argument(
        "--host", default="127.0.0.1", help="address; others than this machine need a token (%(default)s)"
    )
    serve.add_argument("--port", type=int, default=8000, help="0: any that is free (%(default)s)")
    serve.add_argument("--hz", type=float, default=10.0, help="rate of the control loop (%(default)s)")
    serve.add_argument("--token-file", type=Path, help="what clients must show (default: of ENERGYFLOW_TOKEN, or none)")
    serve.add_argument("--queue", type=int, default=4, help="requests that may wait (%(default)s)")
    serve.add_argument("--robots", type=int, default=16, help="connections at a time (%(default)s)")
    limits = (("low", "least action"), ("high", "greatest action"), ("rate", "greatest change of an action in a step"))
    for name, text in limits:
        serve.add_argument(f"--{name}", type=float, nargs="+", metavar="X", help=f"{text}: one number, or one each")
    serve.add_argument("--seed", type=int, default=0, help="of the noise of plans (%(default)s)")
    _decoding(serve)
    latency.add_argument("--hz", type=float, help="rate that is asked about (default: 10, 50 and 100)")
    latency.add_argument(
        "--soak", type=float, metavar="SECONDS", help="run a loop against a server on this machine, too"
    )
    export.add_argument("--out", type=Path, default=Path("policy.onnx"), help="file (%(default)s)")
    _decoding(export)
