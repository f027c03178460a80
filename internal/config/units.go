package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time. It is written with a unit (10s, 300ms, 2m): a
// bare number other than 0 is refused, because 30 would silently mean 30
// nanoseconds.
type Duration struct{ time.Duration }

// Seconds returns a Duration of n seconds.
func Seconds(n int) Duration { return Duration{time.Duration(n) * time.Second} }

// longest is the most that may be configured: sums with a time of day stay far
// from overflow.
const longest = 365 * 24 * time.Hour

// UnmarshalText reads 0 or a number with a unit.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New("not a time with a unit")
	}
	if v < 0 {
		return errors.New("negative")
	}
	d.Duration = v
	return nil
}

// String writes whole hours as such and else whole seconds (300s), since that
// is how people think of timeouts, and not as 5m0s.
func (d Duration) String() string {
	switch {
	case d.Duration == 0:
		return "0"
	case d.Duration%time.Hour == 0:
		return strconv.FormatInt(int64(d.Duration/time.Hour), 10) + "h"
	case d.Duration%time.Second == 0:
		return strconv.FormatInt(int64(d.Duration/time.Second), 10) + "s"
	default:
		return d.Duration.String()
	}
}

// Size is a number of bytes. It is written with a unit (64KiB, 1MiB, 512B); a
// bare number other than 0 is refused.
type Size struct{ Bytes int64 }

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// UnmarshalText reads 0 or a whole number with a unit.
func (s *Size) UnmarshalText(text []byte) error {
	if string(text) == "0" {
		s.Bytes = 0
		return nil
	}
	for _, unit := range sizeUnits {
		number, ok := strings.CutSuffix(string(text), unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 63)
		if err != nil || int64(n) > math.MaxInt64/unit.bytes {
			return errors.New("not a whole number of " + unit.name)
		}
		s.Bytes = int64(n) * unit.bytes
		return nil
	}
	return errors.New("not a size with a unit")
}

// String uses the largest unit that leaves a whole number.
func (s Size) String() string {
	for _, unit := range sizeUnits {
		if s.Bytes != 0 && s.Bytes%unit.bytes == 0 {
			return fmt.Sprintf("%d%s", s.Bytes/unit.bytes, unit.name)
		}
	}
	return "0"
}

var numberAndWord = regexp.MustCompile(`^(\d+)\s*([A-Za-z]*)$`)

// respell guesses which of the given units was meant: `30`, `64 KB`, `5min`.
// It writes into v what it found, and answers "" where it cannot tell.
func respell(text string, units map[string]string, v interface {
	encoding.TextUnmarshaler
	fmt.Stringer
}) string {
	if joined := strings.Join(strings.Fields(text), ""); joined != text && v.UnmarshalText([]byte(joined)) == nil {
		return v.String()
	}
	m := numberAndWord.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	unit, ok := units[strings.ToLower(m[2])]
	if days, err := strconv.Atoi(m[1]); unit == "d" && err == nil {
		m[1], unit = strconv.Itoa(24*days), "h"
	}
	if !ok || v.UnmarshalText([]byte(m[1]+unit)) != nil {
		return ""
	}
	return v.String()
}

var durationWords = map[string]string{
	"": "s", "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
	"m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
	"h": "h", "hr": "h", "hour": "h", "hours": "h",
	"d": "d", "day": "d", "days": "d",
	"ms": "ms", "msec": "ms", "millis": "ms",
}

var sizeWords = map[string]string{
	"": "B", "b": "B", "byte": "B", "bytes": "B",
	"k": "KiB", "kb": "KiB", "kib": "KiB", "ki": "KiB",
	"m": "MiB", "mb": "MiB", "mib": "MiB", "mi": "MiB",
	"g": "GiB", "gb": "GiB", "gib": "GiB", "gi": "GiB",
}
