"""One operation on a stack, in a thread of its own: create, update or delete, and the way back."""

from __future__ import annotations

import dataclasses
import threading
import traceback
from typing import TYPE_CHECKING, Final

from ds_ec2_local.cloudformation import graph, outputs
from ds_ec2_local.cloudformation.apply import Application
from ds_ec2_local.cloudformation.differences import differences
from ds_ec2_local.cloudformation.errors import ResourceFailure, ServiceError
from ds_ec2_local.cloudformation.existence import check_existence
from ds_ec2_local.cloudformation.state import Output, Resource, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ds_ec2_local.cloudformation.acts import Acts
    from ds_ec2_local.cloudformation.scope import Place
    from ds_ec2_local.cloudformation.state import Stack, Store, Target

_REQUESTED: Final = "User Initiated"


class Deployment:
    """What happens to one stack between two steady states."""

    def __init__(self, stack: Stack, store: Store, place: Place, acts: Acts) -> None:
        self._stack = stack
        self._store = store
        self._place = place
        self._acts = acts
        self._late = False

    def start(self, work: Callable[[], None], broken: str) -> None:
        """Run `work` in a thread; a fault of the engine itself leaves the stack in the state `broken`."""
        stack = self._stack

        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a stack must never stay in progress for good
                traceback.print_exc()
                stack.become(broken, f"Internal Failure: {error}")

        stack.worker = threading.Thread(target=run, name=f"cloudformation-{stack.name}", daemon=True)
        stack.worker.start()

    def create(self) -> None:
        """Make all resources; roll back as the options say where one fails."""
        stack = self._stack
        timer = self._timer()
        application = self._apply(stack.target)
        timer.cancel()
        if not application.failed:
            stack.become("CREATE_COMPLETE")
            return
        reason = self._reason(application)
        if stack.options.on_failure == "DO_NOTHING":
            stack.become("CREATE_FAILED", reason)
            return
        delete = stack.options.on_failure == "DELETE"
        stack.cancel.clear()
        stack.become(
            "DELETE_IN_PROGRESS" if delete else "ROLLBACK_IN_PROGRESS",
            f"{reason} {'Delete' if delete else 'Rollback'} requested by user.",
        )
        verb = "DELETE" if delete else "ROLLBACK"
        failed = self._delete(list(stack.resources.values()), creating=True)
        stack.outputs = ()
        if failed:
            stack.become(f"{verb}_FAILED", _failed("delete", failed))
        elif delete:
            self._gone()
        else:
            stack.become("ROLLBACK_COMPLETE")

    def _timer(self) -> threading.Timer:
        def ring() -> None:
            self._late = True
            self._stack.cancel.set()

        timer = threading.Timer(self._stack.options.timeout_s or threading.TIMEOUT_MAX, ring)
        timer.daemon = True
        if self._stack.options.timeout_s:
            timer.start()
        return timer

    def _apply(self, target: Target) -> Application:
        stack = self._stack
        application = Application(stack, target, self._place, self._acts)
        try:
            check_existence(application.clients, stack.caller, target.parameters.values())
            application.run()
            if not application.failed:
                self._conclude(application)
        except (ServiceError, ResourceFailure) as error:
            application.failed.append("")
            application.fault = str(error)
        return application

    def _conclude(self, application: Application) -> None:
        """Evaluate the outputs; exports must be free, and those in use must stay."""
        stack = self._stack
        found = outputs.evaluate(application.target.template, application.evaluator)
        with self._store.lock:
            outputs.check_exports(self._store, stack, found)
            stack.outputs = found
            stack.imports = application.scope.imports

    def _reason(self, application: Application) -> str:
        if self._late:
            return "Stack creation time exceeded the specified timeout."
        if application.fault:
            return application.fault
        made = sorted(n for n in application.failed if n not in application.before)
        changed = sorted(n for n in application.failed if n in application.before)
        texts = [_failed("create", made) if made else "", _failed("update", changed) if changed else ""]
        return " ".join(filter(None, texts))

    def update(self, target: Target, before: tuple[Target, tuple[Output, ...]]) -> None:
        """Bring the stack to `target`; back to what was before where something fails."""
        stack = self._stack
        application = self._apply(target)
        if not application.failed:
            stack.become("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
            left = self._delete(application.superseded, replaced=True) + self._delete(application.removed)
            for resource in application.removed:
                stack.resources.pop(resource.logical_id, None)
            stack.become("UPDATE_COMPLETE", "One or more resources could not be deleted." if left else None)
            return
        reason = self._reason(application)
        if stack.options.on_failure == "DO_NOTHING":
            stack.become("UPDATE_FAILED", reason)
            return
        stack.target, stack.outputs = before
        stack.cancel.clear()
        stack.become("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        self._roll_back(application.back_to(), application.made)

    def roll_on(self, skip: frozenset[str]) -> None:
        """Go on with a rollback that failed (ContinueUpdateRollback)."""
        left, self._stack.unfinished = self._stack.unfinished, []
        for resource in [r for r in left if r.logical_id in skip]:
            self._acts.note(resource, "UPDATE_COMPLETE", "Resource update skipped")
            self._stack.resources[resource.logical_id] = resource
        self._roll_back([r for r in left if r.logical_id not in skip], [])

    def _roll_back(self, olds: list[Resource], made: list[Resource]) -> None:
        stack, acts = self._stack, self._acts
        failed: list[Resource] = []
        for old in olds:
            current = stack.resources[old.logical_id]
            restored = dataclasses.replace(old)
            acts.note(restored, "UPDATE_IN_PROGRESS")
            try:
                touched = current.tags != old.tags or differences(current.properties, old.properties)
                if touched and current.physical_id == old.physical_id:
                    acts.update(restored, current, rollback=True)
            except ResourceFailure as failure:
                acts.note(restored, "UPDATE_FAILED", str(failure))
                failed.append(old)
                continue
            stack.resources[old.logical_id] = restored
            acts.note(restored, "UPDATE_COMPLETE")
        if failed:
            stack.unfinished = failed
            stack.become("UPDATE_ROLLBACK_FAILED", _failed("update", [old.logical_id for old in failed]))
            return
        stack.become("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self._delete(made, creating=True)
        for resource in made:
            if stack.resources.get(resource.logical_id) is resource:
                del stack.resources[resource.logical_id]
        stack.become("UPDATE_ROLLBACK_COMPLETE")

    def delete(self, before: threading.Thread | None) -> None:
        """Delete all resources, once the operation that was under way has ended."""
        stack = self._stack
        if before is not None:
            before.join()
            stack.become("DELETE_IN_PROGRESS", _REQUESTED)
        stack.cancel.clear()
        for output in stack.outputs:
            users = self._store.importers(stack.caller, output.export) if output.export else []
            if users:
                names = " and ".join(sorted(user.name for user in users))
                text = f"Delete canceled. Cannot delete export {output.export} as it is in use by {names}."
                stack.become("DELETE_FAILED", text)
                return
        live = [r for r in stack.resources.values() if r.status not in {"DELETE_COMPLETE", "DELETE_SKIPPED"}]
        failed = self._delete(live)
        if failed:
            stack.become("DELETE_FAILED", _failed("delete", failed))
        else:
            self._gone()

    def _gone(self) -> None:
        stack = self._stack
        with self._store.lock:
            stack.imports, stack.deleted_at = set(), now()
            stack.become("DELETE_COMPLETE")

    def _delete(
        self, resources: Iterable[Resource], *, creating: bool = False, replaced: bool = False
    ) -> list[str]:
        """Delete resources, dependents first, and return the logical ids of those that stay."""
        options = self._stack.options
        by_name = {resource.logical_id: resource for resource in resources}

        def act(name: str) -> bool:
            resource = by_name[name]
            definition = resource.definition
            policy = definition.update_replace_policy if replaced else definition.deletion_policy
            if policy == "RetainExceptOnCreate" or (policy == "Retain" and options.retain_except_on_create):
                policy = "Delete" if creating else "Retain"
            resource.definition = dataclasses.replace(definition, deletion_policy=policy)
            gone = self._acts.delete(resource, retain=name in options.retain)
            if not gone and options.force:
                resource.status = "DELETE_SKIPPED"
                return True
            return gone

        arrows = {name: resource.depends for name, resource in by_name.items()}
        return graph.run(graph.reverse(arrows), act, go_on=True)


def _failed(verb: str, names: Iterable[str]) -> str:
    return f"The following resource(s) failed to {verb}: [{', '.join(sorted(names))}]."
