package otlp

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protowire"
)

// result is what has become of an exchange that was traced.
type result uint8

const (
	sent        result = iota
	queueFull          // it has found no room
	refused            // the collector does not want it
	unreachable        // the collector was not there, or had no time, again and again
	noCollector        // a reload has taken the collector away
	resultCount
)

func (r result) String() string {
	return [...]string{"sent", "queue_full", "refused", "unreachable", "no_collector"}[r]
}

var tracesDesc = prometheus.NewDesc("apim_edge_traces_total", "Exchanges that were traced, by what has become of their spans.", []string{"result"}, nil)

// Describe implements prometheus.Collector.
func (e *Exporter) Describe(ch chan<- *prometheus.Desc) { ch <- tracesDesc }

// Collect implements prometheus.Collector.
func (e *Exporter) Collect(ch chan<- prometheus.Metric) {
	for r := range resultCount {
		ch <- prometheus.MustNewConstMetric(tracesDesc, prometheus.CounterValue, float64(e.results[r].Load()), r.String())
	}
}

// partial reads an ExportTraceServiceResponse: partial_success (1) has the number of
// spans that were rejected (1) and why (2). A batch of which spans are missing counts as
// refused, and the collector's words go into the log no further than this.
func partial(answer []byte) error {
	success := member(answer, 1, protowire.BytesType)
	rejected := member(success, 1, protowire.VarintType)
	if n, size := protowire.ConsumeVarint(rejected); size > 0 && n > 0 {
		return errors.New("the collector has rejected " + strconv.FormatUint(n, 10) + " spans")
	}
	return nil
}

// member returns the value of a field of a message, without its length; nil: it is not
// there.
func member(message []byte, number protowire.Number, kind protowire.Type) []byte {
	for len(message) > 0 {
		n, t, size := protowire.ConsumeTag(message)
		if size < 0 {
			return nil
		}
		message = message[size:]
		if size = protowire.ConsumeFieldValue(n, t, message); size < 0 {
			return nil
		}
		if n == number && t == kind {
			if kind != protowire.BytesType {
				return message[:size]
			}
			value, _ := protowire.ConsumeBytes(message)
			return value
		}
		message = message[size:]
	}
	return nil
}
