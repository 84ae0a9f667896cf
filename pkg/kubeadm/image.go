package kubeadm

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/coreos/go-semver/semver"
)

// tag is a version, and behind it what builders add: the number of the build, the
// architecture.
var tag = regexp.MustCompile(`^v?([0-9]+\.[0-9]+\.[0-9]+(?:-(?:alpha|beta|rc)\.[0-9]+)?)(?:-[0-9]+)?(?:-(?:amd64|arm64|arm|ppc64le|s390x))?$`)

// EtcdVersion is the version of etcd in an image: 3.6.6 for
// registry.k8s.io/etcd:3.6.6-0 and for mirror.example:5000/etcd:v3.6.6@sha256:...
// An image that is named by its digest alone does not tell.
func EtcdVersion(image string) (*semver.Version, error) {
	name, _, _ := strings.Cut(image, "@")
	last := name[strings.LastIndex(name, "/")+1:] // a registry may have a port
	_, version, tagged := strings.Cut(last, ":")
	if !tagged {
		return nil, fmt.Errorf("%w: image %q has no tag", ErrVersion, image)
	}
	match := tag.FindStringSubmatch(version)
	if match == nil {
		return nil, fmt.Errorf("%w: the tag of image %q is no version", ErrVersion, image)
	}
	v, err := semver.NewVersion(match[1])
	if err != nil {
		return nil, fmt.Errorf("%w: image %q: %w", ErrVersion, image, err)
	}
	return v, nil
}
