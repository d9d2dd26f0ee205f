"""What we ask of our workflows beyond their schema; each rule gives a sentence for every place that breaks it."""

import re

PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
VERSION = re.compile(r"uses: \S+ # v\d+\.\d+\.\d+$")
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"


def problems(workflow, text):
    """workflow: the document; text: the file that it is read from."""
    return [sentence for rule in RULES for sentence in rule(workflow, text)]


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def triggers(workflow):
    found = workflow["on"]
    return {found} if isinstance(found, str) else set(found)


def unpinned(workflow, text):
    found = [step["uses"] for step in steps(workflow) if "uses" in step] + [
        job["uses"] for job in workflow["jobs"].values() if "uses" in job
    ]
    yield from (f"{each} is not pinned by its hash" for each in found if not PINNED.fullmatch(each))


def unnamed_versions(workflow, text):
    lines = [line.strip() for line in text.splitlines() if re.match(r"\s*(- )?uses:", line)]
    yield from (f"{line} tells no version" for line in lines if not VERSION.search(line))


def privileged_trigger(workflow, text):
    if "pull_request_target" in triggers(workflow):
        yield "pull_request_target runs with the repository's rights what a fork wrote"


def open_permissions(workflow, text):
    if workflow.get("permissions") != {}:
        yield "permissions at the top are not {}"
    for name, job in workflow["jobs"].items():
        if "permissions" not in job or not isinstance(job["permissions"], dict):
            yield f"job {name} names no permissions"


def writes_without_need(workflow, text):
    """Only what posts or pushes may write, and then runs nothing that was measured."""
    allowed = {"comment.sh", "propose.sh"}
    for name, job in workflow["jobs"].items():
        scripts = set(re.findall(r"[\w-]+\.sh", " ".join(step.get("run", "") for step in job.get("steps", []))))
        if "write" in dict(job.get("permissions") or {}).values() and not scripts <= allowed:
            yield f"job {name} may write and runs {', '.join(sorted(scripts - allowed))}"


def expressions_in_commands(workflow, text):
    yield from (f"run: {step['run']!r} holds an expression" for step in steps(workflow) if "${{" in step.get("run", ""))


def endless(workflow, text):
    yield from (f"job {name} has no timeout" for name, job in workflow["jobs"].items() if "timeout-minutes" not in job)


def forks_on_own_machines(workflow, text):
    """A job on a self-hosted runner asks whose pull request it is, or needs one that has asked."""
    if not triggers(workflow) & {"pull_request", "pull_request_target", "workflow_run", "issue_comment"}:
        return
    asking = {name for name, job in workflow["jobs"].items() if SAME_REPOSITORY in str(job.get("if", ""))}
    for name, job in workflow["jobs"].items():
        needed = job.get("needs", [])
        guards = [each for each in ([needed] if isinstance(needed, str) else needed) if each in asking]
        behind = any(f"needs.{each}.result != 'skipped'" in str(job.get("if", "")) for each in guards)
        if "self-hosted" in job["runs-on"] and name not in asking and not behind:
            yield f"job {name} would run a fork's code on a machine of ours"


def kept_credentials(workflow, text):
    for step in steps(workflow):
        checkout = step.get("uses", "").startswith("actions/checkout@")
        if checkout and dict(step.get("with") or {}).get("persist-credentials") is not False:
            yield "a checkout leaves its token on disk"


def foreign_checkout(workflow, text):
    """What runs with rights beside a pull request takes nothing from it."""
    if "workflow_run" in triggers(workflow):
        yield from (
            "a checkout takes what the other workflow measured"
            for step in steps(workflow)
            if "ref" in dict(step.get("with") or {}) or "repository" in dict(step.get("with") or {})
        )


RULES = (
    unpinned,
    unnamed_versions,
    privileged_trigger,
    open_permissions,
    writes_without_need,
    expressions_in_commands,
    endless,
    forks_on_own_machines,
    kept_credentials,
    foreign_checkout,
)
