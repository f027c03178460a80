package main

import (
	"testing"
	"time"
)

func TestCompareQuarters(t *testing.T) {
	series := func(f func(i int) float64) (values []float64) {
		for i := range 400 {
			values = append(values, f(i))
		}
		return values
	}
	for _, tc := range []struct {
		name   string
		values []float64
		over   time.Duration
		noise  float64
		want   string
	}{
		{"level", series(func(int) float64 { return 100 }), 20 * time.Minute, 0, "flat"},
		{"warms up, then level", series(func(i int) float64 { return 100 - 80/float64(1+i) }), 20 * time.Minute, 0, "flat"},
		{"noise around a level", series(func(i int) float64 { return 100 + float64(i%7)*10 }), 20 * time.Minute, 0, "flat"},
		{"falls", series(func(i int) float64 { return 500 - float64(i) }), 20 * time.Minute, 0, "flat"},
		{"grows by half in half a run", series(func(i int) float64 { return 100 + float64(i)/4 }), 20 * time.Minute, 0, "GROWS"},
		{"grows by less than the slack", series(func(i int) float64 { return 100 + float64(i)/50 }), 20 * time.Minute, 0, "flat"},
		{"grows by a fifth within a day", series(func(i int) float64 { return 100 + float64(i)/10 }), 24 * time.Hour, 0, "flat"},
		{"doubles within a day and more", series(func(i int) float64 { return 100 + float64(i) }), 24 * time.Hour, 0, "GROWS"},
		{"few units more mean nothing", series(func(i int) float64 { return 10 + float64(i/200)*3 }), 20 * time.Minute, 3, "flat"},
		{"more units than that", series(func(i int) float64 { return 10 + float64(i/200)*4 }), 20 * time.Minute, 3, "GROWS"},
		{"a load too short to judge", series(func(i int) float64 { return float64(i) }), time.Minute, 0, "not judged"},
		{"one sample", []float64{1}, time.Second, 0, "not judged"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := compareQuarters(tc.values, tc.over, tc.noise)
			if got := l.verdict(); got != tc.want {
				t.Errorf("got %q, want %q: %+v", got, tc.want, l)
			}
		})
	}
}
