package edge

import "testing"

// TestAMetricThatIsNotThereIsRefused holds that nobody can ask for one by a name that
// nothing has, while a series with a value of a label may still have to come.
func TestAMetricThatIsNotThereIsRefused(t *testing.T) {
	m := Metrics{"a_total": 1, `b_total{code="401",route="x"}`: 2, `b_total{code="429",route="x"}`: 3}
	for _, tc := range []struct {
		name    string
		labels  []string
		want    int
		refused bool
	}{
		{"a_total", nil, 1, false},
		{"b_total", nil, 5, false},
		{"b_total", []string{`route="x"`, `code="429"`}, 3, false},
		{"b_total", []string{`code="500"`}, 0, false},
		{firstCounted, nil, 0, false},
		{"b", nil, 0, true},
		{"b_tot", nil, 0, true},
		{"b_total", []string{`status="429"`}, 0, true},
		{"b_total", []string{`code="429"`, `oute="x"`}, 0, true},
		{"a_total", []string{`route="x"`}, 0, true},
	} {
		func() {
			defer func() {
				if refused := recover() != nil; refused != tc.refused {
					t.Errorf("%s %q: refused %v, want %v", tc.name, tc.labels, refused, tc.refused)
				}
			}()
			if got := m.Sum(tc.name, tc.labels...); got != tc.want {
				t.Errorf("%s %q: %d, want %d", tc.name, tc.labels, got, tc.want)
			}
		}()
	}
}
