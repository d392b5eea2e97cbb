"""How Jupyter starts a kernel in the sandbox: its sockets are files in a folder of its own, for it has no network."""

import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import zmq
from jupyter_client.provisioning import LocalProvisioner

from gdcourse.grading.sandbox import CONTAINERS, MB, NOBODY

LARGEST_MESSAGE = 512 * MB  # a kernel that sends more is cut off


class SandboxProvisioner(LocalProvisioner):
    """Starts the kernel's command, in which {sockets} stands for the folder of the sockets."""

    container = None

    async def pre_launch(self, **kwargs):
        manager = self.parent
        self.folder = tempfile.mkdtemp(prefix="kernel-")
        manager.transport, manager.ip = "ipc", f"{self.folder}/socket"
        manager.context.setsockopt(zmq.MAXMSGSIZE, LARGEST_MESSAGE)
        kwargs = await super().pre_launch(**kwargs)
        command = [part.replace("{sockets}", self.folder) for part in kwargs.pop("cmd")]
        if command[0] in CONTAINERS:
            self.container = [command[0], "rm", "--force", f"gdcourse-{os.path.basename(self.folder)}"]
            command[2:2] = ["--name", self.container[-1]]
            if os.getuid() == 0:  # the kernel is nobody
                for path in (self.folder, manager.connection_file):
                    os.chown(path, NOBODY, NOBODY)
        return kwargs | {"cmd": command, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}

    async def cleanup(self, restart=False):
        """Remove the container and the folder of the sockets, with whatever the kernel left in it."""
        await super().cleanup(restart)
        if self.container:
            subprocess.run(self.container, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with suppress(OSError):
            for path in Path(self.folder).iterdir():
                path.unlink()
            os.rmdir(self.folder)
        if os.path.isdir(self.folder):  # the kernel made folders; these tools bear any depth of them
            subprocess.run(["chmod", "-R", "u+rwX", self.folder], stderr=subprocess.DEVNULL)
            subprocess.run(["rm", "-rf", self.folder], stderr=subprocess.DEVNULL)
