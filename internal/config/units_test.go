package config

import (
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	for _, tc := range []struct {
		written string
		want    time.Duration
		again   string
	}{
		{"0", 0, "0"},
		{"0s", 0, "0"},
		{"300ms", 300 * time.Millisecond, "300ms"},
		{"1.5s", 1500 * time.Millisecond, "1.5s"},
		{"75s", 75 * time.Second, "75s"},
		{"5m", 5 * time.Minute, "300s"},
		{"1h30m", 90 * time.Minute, "5400s"},
		{"24h", 24 * time.Hour, "24h"},
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(tc.written)); err != nil || d.Duration != tc.want || d.String() != tc.again {
			t.Errorf("time %q: got %v, written %q (%v), want %v, %q", tc.written, d.Duration, d, err, tc.want, tc.again)
		}
	}
	for _, tc := range []struct {
		written string
		want    int64
		again   string
	}{
		{"0", 0, "0"},
		{"0KiB", 0, "0"},
		{"512B", 512, "512B"},
		{"64KiB", 64 << 10, "64KiB"},
		{"2048KiB", 2 << 20, "2MiB"},
		{"1025B", 1025, "1025B"},
		{"8589934591GiB", 8589934591 << 30, "8589934591GiB"},
	} {
		var s Size
		if err := s.UnmarshalText([]byte(tc.written)); err != nil || s.Bytes != tc.want || s.String() != tc.again {
			t.Errorf("size %q: got %d, written %q (%v), want %d, %q", tc.written, s.Bytes, s, err, tc.want, tc.again)
		}
	}
	for _, written := range []string{"", "5", "-1s", "5 s", "1d", "NaNs", "1e3s"} {
		if err := new(Duration).UnmarshalText([]byte(written)); err == nil {
			t.Errorf("time %q was accepted", written)
		}
	}
	for _, written := range []string{"", "5", "-1B", "+1B", "1 KiB", "1kb", "1.5MiB", "KiB", "8589934592GiB", "1_0B"} {
		if err := new(Size).UnmarshalText([]byte(written)); err == nil {
			t.Errorf("size %q was accepted", written)
		}
	}
}

func TestNearest(t *testing.T) {
	keys := []string{"connect", "response_head", "stream_idle", "url", "tls"}
	for word, want := range map[string]string{
		"conect": "connect", "Connect": "connect", "response_header": "response_head", "ulr": "", "ur": "url",
		"idle": "", "stream-idle": "stream_idle", "": "", "x": "",
	} {
		if got := nearest(word, keys); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
