package salvage

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// What would end the process becomes an error, whoever does it.
func TestSupervised(t *testing.T) {
	t.Parallel()
	cause := errors.New("the cause")
	for name, tc := range map[string]struct {
		work func(*zap.Logger) error
		is   error
		says string
	}{
		"nothing":        {func(*zap.Logger) error { return nil }, nil, ""},
		"error":          {func(*zap.Logger) error { return cause }, cause, "the cause"},
		"panic":          {func(*zap.Logger) error { panic("broken") }, ErrReplay, "broken"},
		"panic of error": {func(*zap.Logger) error { panic(cause) }, cause, "the cause"},
		"nil pointer":    {func(*zap.Logger) error { var p *int; *p = 1; return nil }, ErrReplay, "nil pointer"},
		"logged panic":   {func(lg *zap.Logger) error { lg.Panic("broken", zap.Error(cause)); return nil }, cause, "broken: the cause"},
		"fatal":          {func(lg *zap.Logger) error { lg.Fatal("broken", zap.String("not", "an error")); return nil }, ErrReplay, "broken"},
		"fatal of another goroutine": {func(lg *zap.Logger) error {
			done := make(chan struct{})
			go func() {
				lg.With(zap.Int("x", 1)).Named("other").Fatal("broken", zap.Error(cause))
				close(done)
			}()
			<-done // never: it died with what others wait for
			return nil
		}, cause, "broken: the cause"},
		"both": {func(lg *zap.Logger) error {
			died := make(chan struct{})
			go func() { defer close(died); lg.Fatal("first", zap.Error(cause)) }()
			<-died
			lg.Panic("second")
			return nil
		}, cause, "first"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := supervised(t.Context(), tc.work)
			if (err == nil) != (tc.is == nil) || !errors.Is(err, tc.is) {
				t.Fatalf("got error %v, want %v", err, tc.is)
			}
			if err != nil && (!strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "goroutine ")) {
				t.Errorf("%v does not say %q", err, tc.says)
			}
		})
	}
}
