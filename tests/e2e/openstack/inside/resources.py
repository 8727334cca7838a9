"""``resources.py``: an image and a flavor to boot."""

import openstack

if __name__ == "__main__":
    cloud = openstack.connect()
    if not cloud.image.find_image("tiny"):
        cloud.image.create_image(
            "tiny", data=b"\0" * 65536, disk_format="raw", container_format="bare", visibility="public"
        )
    if not cloud.compute.find_flavor("m1.tiny"):
        cloud.compute.create_flavor(name="m1.tiny", ram=64, vcpus=1, disk=1)
