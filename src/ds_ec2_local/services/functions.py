"""Lambda functions run as processes of this computer's Python."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from ds_ec2_local.services import credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

_RUNNER: Final = """
import importlib, json, os, sys, traceback
answer = os.fdopen(int(sys.argv[1]), "w")
class Context:
    function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    function_version = "$LATEST"
    memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
    aws_request_id = os.environ["DS_EC2_LOCAL_REQUEST_ID"]
    invoked_function_arn = os.environ["DS_EC2_LOCAL_FUNCTION_ARN"]
    log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
    log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
    def get_remaining_time_in_millis(self):
        return int(os.environ["DS_EC2_LOCAL_TIMEOUT"]) * 1000
sys.path.insert(0, os.getcwd())
module, _, name = os.environ["_HANDLER"].rpartition(".")
try:
    result = getattr(importlib.import_module(module), name)(json.load(sys.stdin), Context())
    json.dump({"result": result}, answer)
except BaseException as error:
    traceback.print_exc()
    json.dump({"error": {"errorMessage": str(error), "errorType": type(error).__name__,
        "requestId": Context.aws_request_id, "stackTrace": traceback.format_tb(error.__traceback__)}}, answer)
answer.close()
"""
"""Runs in the function's process: the answer goes through a pipe, everything printed is the log."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of a function gave.

    Args:
        payload: Its JSON answer, or Lambda's description of the error.
        log: Everything it printed.
        failed: `Unhandled`, or empty.
    """

    payload: str
    log: str
    failed: str = ""


class FunctionRunner:
    """Runs functions, one process a call.

    Args:
        state: The server's directory: logs go to `<state>/functions/<name>.log`.
        endpoint_url: What functions see as AWS.
    """

    def __init__(self, state: Path, endpoint_url: str) -> None:
        self._logs = state / "functions"
        self._endpoint_url = endpoint_url
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()

    def run(self, function: Any, event: Any) -> Outcome:
        """Call a function and wait for it.

        Args:
            function: moto's function.
            event: Its event.
        """
        request = str(uuid4())
        with tempfile.TemporaryDirectory(prefix="ds-ec2-function-") as folder:
            _unpack(function.code_bytes, Path(folder))
            reader, writer = os.pipe()
            environment = self._environment(function, request)
            with os.fdopen(reader, encoding="utf-8") as answer:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-c", _RUNNER, str(writer)],
                    cwd=folder, env=environment, pass_fds=(writer,), text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                )  # fmt: skip
                os.close(writer)
                log, timed_out = self._wait(process, json.dumps(event), float(function.timeout))
                outcome = _outcome(answer.read() if not timed_out else "", log, function, request, process)
        self._keep(function, request, outcome)
        return outcome

    def close(self) -> None:
        """End the functions that still run."""
        with self._lock:
            for process in self._running:
                process.kill()

    def _wait(self, process: subprocess.Popen[str], event: str, timeout: float) -> tuple[str, bool]:
        with self._lock:
            self._running.add(process)
        try:
            return process.communicate(event, timeout=timeout)[0], False
        except subprocess.TimeoutExpired:
            process.kill()
            return process.communicate()[0], True
        finally:
            with self._lock:
                self._running.discard(process)

    def _environment(self, function: Any, request: str) -> Mapping[str, str]:
        keys = credentials.for_role(function.role.rsplit("/", 1)[-1], function.function_name)
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "en_US.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "_HANDLER": function.handler,
            "AWS_ENDPOINT_URL": self._endpoint_url,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.token,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
            "AWS_LAMBDA_LOG_STREAM_NAME": request,
            "DS_EC2_LOCAL_REQUEST_ID": request,
            "DS_EC2_LOCAL_FUNCTION_ARN": function.function_arn,
            "DS_EC2_LOCAL_TIMEOUT": str(function.timeout),
            **function.environment_vars,
        }

    def _keep(self, function: Any, request: str, outcome: Outcome) -> None:
        """Write the log to our file and to CloudWatch Logs."""
        self._logs.mkdir(parents=True, exist_ok=True)
        text = f"START RequestId: {request}\n{outcome.log}END RequestId: {request}\n"
        with self._lock, (self._logs / f"{function.function_name}.log").open("a", encoding="utf-8") as file:
            file.write(text)
        function.logs_backend.ensure_log_group(function.logs_group_name)
        function.save_logs(text)


def _unpack(code: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        archive.extractall(folder)


def _outcome(answer: str, log: str, function: Any, request: str, process: subprocess.Popen[str]) -> Outcome:
    if answer:
        given = json.loads(answer)
        if "error" in given:
            return Outcome(json.dumps(given["error"]), log, "Unhandled")
        return Outcome(json.dumps(given["result"]), log)
    if process.returncode == -9:
        words = f"{request} Task timed out after {float(function.timeout):.2f} seconds"
        return Outcome(json.dumps({"errorMessage": words}), f"{log}{words}\n", "Unhandled")
    words = f"RequestId: {request} Error: Runtime exited with error: exit status {process.returncode}"
    return Outcome(
        json.dumps({"errorType": "Runtime.ExitError", "errorMessage": words}), f"{log}{words}\n", "Unhandled"
    )
