package topology

import (
	"fmt"
	"time"
)

// message is an error as a field, "" for none.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// id is an ID as etcd prints it; JSON has no whole numbers of that size.
func id(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%x", n)
}

// moment is a time as a field, nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

// list is never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
