"""Launch templates."""

from __future__ import annotations

from typing import Any

from ds_ec2_local.cloudformation.resources import tagging
from ds_ec2_local.cloudformation.resources.instances import check_user_data
from ds_ec2_local.cloudformation.work import Handler, Made, Work, properties


class LaunchTemplate(Handler):
    """AWS::EC2::LaunchTemplate; every change of its data is a new version."""

    type_name = "AWS::EC2::LaunchTemplate"
    accepts = properties("LaunchTemplateData LaunchTemplateName TagSpecifications VersionDescription")

    def create(self, work: Work) -> Made:
        """Make a template with its first version."""
        data = self._data(work)
        given = [dict(entry) for entry in work.get("TagSpecifications") or ()]
        tags = tagging.listed(work.all_tags)
        if given:
            given[0]["Tags"] = [*given[0].get("Tags", []), *tags]
        elif tags:
            given = [{"ResourceType": "launch-template", "Tags": tags}]
        template = work.call(
            "ec2",
            "CreateLaunchTemplate",
            LaunchTemplateName=work.get("LaunchTemplateName") or work.generated_name(128),
            LaunchTemplateData=data,
            VersionDescription=work.get("VersionDescription"),
            TagSpecifications=given or None,
        )["LaunchTemplate"]["LaunchTemplateId"]
        work.begun(template)
        return self._read(work, template)

    def _data(self, work: Work) -> dict[str, Any]:
        data = dict(work.get("LaunchTemplateData") or {})
        check_user_data(data.get("UserData"))
        return data

    def _read(self, work: Work, template: str) -> Made:
        answer = work.call("ec2", "DescribeLaunchTemplates", LaunchTemplateIds=[template])
        found = answer["LaunchTemplates"][0]
        return Made(
            template,
            {
                "LaunchTemplateId": template,
                "DefaultVersionNumber": str(found["DefaultVersionNumber"]),
                "LatestVersionNumber": str(found["LatestVersionNumber"]),
            },
        )

    def update(self, work: Work) -> Made:
        """Make a new version; the default one stays the first, as on AWS."""
        template = work.physical_id
        if work.changed("LaunchTemplateData", "VersionDescription"):
            work.call(
                "ec2",
                "CreateLaunchTemplateVersion",
                LaunchTemplateId=template,
                LaunchTemplateData=self._data(work),
                VersionDescription=work.get("VersionDescription"),
            )
        return self._read(work, template)

    def delete(self, work: Work) -> None:
        """Delete it with all versions."""
        work.call("ec2", "DeleteLaunchTemplate", LaunchTemplateId=work.physical_id)
