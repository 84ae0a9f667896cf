package undo

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// errName is returned for an object whose name no URL can have.
var errName = errors.New("no name of an object")

// isAnswer reports whether an error is about one object, rather than that nothing comes
// through to the API server.
func isAnswer(err error) bool {
	return apierrors.ReasonForError(err) != "" && !apierrors.IsUnauthorized(err) || errors.Is(err, errNotServed) || errors.Is(err, errName)
}

// reason is what the API server said of an object, in few words. Of fields that it does not
// like it quotes the values, which may be secret, so those are only named (invariant I10).
func reason(err error) string {
	const most = 300
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil && len(status.Status().Details.Causes) > 0 {
		var causes []string
		for _, c := range status.Status().Details.Causes {
			causes = append(causes, fmt.Sprintf("%s (%s)", c.Field, c.Type))
		}
		return "the API server refuses " + cut(strings.Join(causes, ", "), most)
	}
	return cut(err.Error(), most)
}

func cut(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
