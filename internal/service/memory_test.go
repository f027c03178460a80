package service

import (
	"errors"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestTheContainersLimitIsTheCollectors holds what becomes of the limit that the
// container has, and that the log says so.
func TestTheContainersLimitIsTheCollectors(t *testing.T) {
	url := upstream(t)
	for _, tc := range []struct {
		name, max, environment string
		want                   int64 // 0: left alone
		says                   string
	}{
		{"a limit", "536870912\n", "", 483183820, `"bytes":483183820,"source":"container"`},
		{"no limit", "max\n", "", math.MaxInt64, ""},
		{"GOMEMLIMIT wins", "536870912\n", "300MiB", 0, `"source":"GOMEMLIMIT"`},
		{"what is no number", "plenty\n", "", 0, `"message":"the container's memory limit could not be read; set GOMEMLIMIT"`},
		{"no control group", "", "", 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const before = 1 << 40
			old := debug.SetMemoryLimit(before)
			defer debug.SetMemoryLimit(old)
			t.Setenv("GOMEMLIMIT", tc.environment)
			if tc.environment == "" {
				testkit.Must(t, os.Unsetenv("GOMEMLIMIT"))
			}
			r := startIn(t, url, groupFile(t, tc.max))
			r.Stop("signal")
			want := tc.want
			if want == 0 {
				want = before
			}
			if got := debug.SetMemoryLimit(-1); got != want {
				t.Errorf("the collector's limit is %d, want %d", got, want)
			}
			if tc.says != "" && !r.log.Has(tc.says) {
				t.Errorf("the log does not say %s", tc.says)
			}
			if tc.says == "" && tc.want != 0 && r.log.Has("memory limit") {
				t.Error("the log speaks of a memory limit, and there is none")
			}
		})
	}
}

// groupFile is a container whose memory.max reads as text; empty: a process that
// is in no control group.
func groupFile(t *testing.T, text string) memlimit.Provider {
	if text == "" {
		return func() (uint64, error) { return 0, memlimit.ErrNoCgroup }
	}
	file := testkit.File(t, "memory.max", text)
	return func() (uint64, error) {
		content, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		if strings.TrimSpace(string(content)) == "max" {
			return 0, memlimit.ErrNoLimit
		}
		limit, err := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64)
		if err != nil {
			return 0, errors.New("memory.max is no number")
		}
		return limit, nil
	}
}
