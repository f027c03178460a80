package page

import (
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/rewrite"
)

// reasons say which rule was used.
func reasons(s scrape) []countRow {
	rows := counted(s.by("requests_total", "reason"))
	for i := range rows {
		for r := range rewrite.Reason(rewrite.ReasonCount) {
			if rows[i].Name == r.String() {
				rows[i].Means = sentence(r.Meaning())
			}
		}
	}
	return rows
}

// repairs say what the upstream would have missed.
func repairs(s scrape) []countRow { return counted(s.by("decisions_total", "repair")) }

// hints say what refusals of upstreams are known as.
func hints(s scrape) []countRow {
	rows := counted(s.by("hints_total", "hint"))
	for _, h := range hint.All() {
		for i := range rows {
			if rows[i].Name == h.String() {
				rows[i].Owner, rows[i].Means = h.Owner().Title(), sentence(h.Means())
			}
		}
	}
	return rows
}

// failed are the kinds of failures that were seen last.
func (p *Page) failed(now time.Time) (rows []failureRow) {
	for _, f := range p.failures.latest() {
		means, change := f.advice()
		row := failureRow{
			When: ago(now, f.last), At: f.last.UTC().Format(time.RFC3339), Count: grouped(f.count),
			Cause: f.cause(), Means: sentence(means), Change: change, Status: "none",
			Request: printable(f.method[:f.lenM]), Path: printable(f.path[:f.lenP]), ID: printable(f.id[:f.lenID]),
			Route: f.route, Upstream: f.upstream, Client: f.client.String(),
		}
		if f.status != 0 {
			row.Status = number(float64(f.status))
		}
		if f.cut {
			row.Path += "…"
		}
		switch {
		case f.code != edgeerr.None:
			row.Whose = f.code.Source().String()
		case f.hint > hint.Unknown:
			row.Whose = f.hint.Owner().Title()
		}
		rows = append(rows, row)
	}
	return rows
}

// instance is what is told of the process.
func (p *Page) instance(s scrape, now time.Time) []figure {
	at := func(metric string) string {
		seconds := s.sum(metric)
		if seconds == 0 {
			return "not known"
		}
		return ago(now, time.Unix(int64(seconds), 0))
	}
	all := []figure{
		{"", "Version", p.o.Version, ""},
		{"", "Started", at("process_start_time_seconds"), ""},
		{"", "Configuration loaded", at("config_last_reload_success_timestamp_seconds"), ""},
	}
	for _, m := range s["config_info"] {
		all = append(all, figure{"", "Hash of the configuration", label(m, "hash"), "alike on all instances that have the same"})
	}
	if s.sum("config_last_reload_successful") == 0 {
		all = append(all, figure{"", "Last reload", "failed", "the configuration before stays in use; the log has every fault"})
	}
	all = append(all,
		figure{"", "Memory", number(s.sum("process_resident_memory_bytes")/(1<<20)) + " MiB", "resident"},
		figure{"", "File descriptors", number(s.sum("process_open_fds")) + " of " + number(s.sum("process_max_fds")), ""},
		figure{"", "Lines of the log lost", number(s.sum("log_lines_lost_total")), ""},
	)
	for _, m := range s["certificate_expiry_timestamp_seconds"] {
		ends := time.Unix(int64(value(m)), 0)
		all = append(all, figure{"", "Certificate " + label(m, "key"), "ends in " + span(ends.Sub(now)), ends.UTC().Format(time.DateOnly)})
	}
	return all
}
