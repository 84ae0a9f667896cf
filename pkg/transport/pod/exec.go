package pod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

type streams struct {
	in       io.Reader
	out, err io.Writer
}

// killed is the exit code of what a runtime ends with its pod.
const killed = 137

// exec runs a command in a pod. The code is that of its end, if there is no error.
func (c *Cluster) exec(ctx context.Context, pod string, command []string, s streams) (code int, err error) {
	executor, err := c.executor(pod, &corev1.PodExecOptions{
		Container: ourName, Command: command, Stdin: s.in != nil, Stdout: s.out != nil, Stderr: s.err != nil,
	})
	if err != nil {
		return 0, c.explain(ctx, "create pods/exec", err)
	}
	err = executor.StreamWithContext(quiet(ctx), remotecommand.StreamOptions{Stdin: s.in, Stdout: s.out, Stderr: s.err})
	var exit exec.CodeExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.Code == killed:
		return 0, fmt.Errorf("%w: the program was killed, with its pod or for want of memory", transport.ErrConnection)
	case errors.As(err, &exit):
		return exit.Code, nil
	case strings.Contains(err.Error(), "executable file not found"), strings.Contains(err.Error(), "no such file or directory"):
		return 0, hint.New(fmt.Errorf("%w: it cannot run %s: %w", ErrImage, command[0], err), "name another that holds sh, cat and chmod: --helper-image IMAGE")
	}
	if err = c.explain(ctx, "create pods/exec", err); errors.Is(err, ErrForbidden) || errors.Is(err, ErrCredentials) || errors.Is(err, ErrAdmission) || ctx.Err() != nil {
		return 0, err
	}
	if !errors.Is(err, transport.ErrConnection) { // an answer that the pod is gone, say
		err = fmt.Errorf("%w: %w", transport.ErrConnection, err)
	}
	return 0, err
}

// executor speaks WebSocket, and SPDY to servers that do not, or not such that the end of
// the input would come through, or where a proxy does not let it pass.
func (c *Cluster) executor(pod string, o *corev1.PodExecOptions) (remotecommand.Executor, error) {
	url := c.kube.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(o, scheme.ParameterCodec).URL()
	socket, err := remotecommand.NewWebSocketExecutor(c.config, http.MethodGet, url.String())
	if err != nil {
		return nil, err
	}
	spdy, err := remotecommand.NewSPDYExecutor(c.config, http.MethodPost, url)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(socket, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
}
