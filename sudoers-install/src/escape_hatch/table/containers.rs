//! Containers and virtual machines: whoever starts one may mount the host's files in it.

use crate::escape_hatch::form::{Form, Word};
use crate::escape_hatch::row::Row;

const HOSTS_FILES: &str = "starts a container or machine with the host's own files in it: that is root";

pub(super) const ROWS: &[Row] = &[
    Row::unless(
        "docker podman nerdctl lxc incus virsh",
        &[Form::of(&[Word::Is(&["start", "stop", "restart", "pause", "unpause", "kill"]), Word::Name])
            .rest(Word::Name)],
        HOSTS_FILES,
        "allow one verb for one container, such as: docker restart NAME",
    ),
    Row::never(
        "docker-compose podman-compose podman-remote docker-buildx ctr crictl runc crun youki kata-runtime \
         lxc-attach lxc-create lxc-copy lxc-execute lxc-start lxc-unshare lxc-usernsexec lxd incusd containerd \
         dockerd buildah buildctl buildkitd skopeo kubectl kubeadm kubelet k3s k9s k3d rke2 microk8s minikube \
         kind oc crio apptainer singularity vagrant multipass distrobox toolbox qemu-system qemu-nbd qemu-img \
         qemu-system-i386 qemu-system-x86_64 qemu-system-arm qemu-system-aarch64 qemu-system-riscv64 kvm \
         virt-install virt-edit virt-customize virt-copy-in virt-copy-out virt-cat guestfish guestmount \
         libvirtd cloud-hypervisor firecracker jailer VBoxManage vmrun nomad",
        HOSTS_FILES,
        "let root write a unit for it, and allow: systemctl restart NAME",
    ),
];
