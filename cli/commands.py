"""Which command lives where; the modules named here import only light things at the top."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Hang every command under `app`."""
    from cli import (
        add,
        advice,
        assign,
        card,
        consent,
        contract,
        decode,
        demo,
        device,
        doctor,
        engine,
        export,
        gateway,
        imports,
        inbox,
        mirror,
        pair,
        profile,
        resident,
        routes,
        scan,
        simulate,
        spot,
        today,
        trend,
        up,
        web,
    )

    groups = {
        "resident": resident, "consent": consent, "device": device, "gateway": gateway, "engine": engine,
        "advice": advice, "inbox": inbox, "export": export, "simulate": simulate, "contract": contract,
        "profile": profile, "mirror": mirror,
        "import": imports, "card": card, "spot": spot,
    }  # fmt: skip
    app.command()(up.up)
    app.command()(web.web)
    app.command()(demo.demo)
    app.command()(scan.scan)
    app.command()(pair.pair)
    app.command()(today.today)
    app.command()(trend.trend)
    app.command()(decode.decode)
    app.command()(assign.assign)
    app.command()(add.add)
    app.command()(routes.routes)
    app.command()(doctor.doctor)
    for name, module in groups.items():
        app.add_typer(module.app, name=name)
