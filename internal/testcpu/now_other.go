//go:build !linux

package testcpu

import "time"

var start = time.Now()

func now() time.Duration { return time.Since(start) }
