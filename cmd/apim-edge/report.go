package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/doctor"
	"github.com/apim-edge/apim-edge/internal/report"
)

// The exit codes of report, for scripts.
const (
	exitNeeded  = 3
	exitUnknown = 4
)

// inquiry is what report is asked to do, as flags say it.
type inquiry struct {
	from                                       source
	format, prove, key, token, adminToken, out string
	json                                       bool
	days                                       int
	timeout                                    time.Duration
	conf                                       *config.Config
}

func newReportCommand() *cobra.Command {
	var q inquiry
	cmd := &cobra.Command{
		Use: "report [FILE | URL ...]", SuggestFor: []string{"census", "usage", "stats", "summary"},
		Short: "Say who still needs the edge, and what to change until it can go",
		Long: `report reads the census of one or more edges and says who still needs the edge and
for what, who would work without it today, what API Management would have to change
for each route, and what is left to do until the edge can be removed.

  apim-edge report                                          of the edge on this machine
  apim-edge report http://10.0.0.5:9090 http://10.0.0.6:9090
  apim-edge report /var/lib/apim-edge/census.jsonl --format html --out report.html
  apim-edge report --config edge.yaml --prove openai --key env:APIM_KEY

Censuses of several replicas are merged. A URL is that of an admin listener;
--config also names the token that it asks for, or --admin-token does.

--prove asks the API of one route, without the edge, by one harmless request for
each shape in which its callers ask, whether it would be accepted.

Exit code: 0 nobody has needed the edge for --days days (with --prove: all was
accepted); 3 somebody has (something was not accepted, or not proved); 4 the census
has not looked for that long; 1 failed; 2 wrong usage.`,
		RunE: func(cmd *cobra.Command, args []string) error { return q.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&q.from.file, "config", "c", "", "configuration file (YAML): says where the census is, and what --prove asks")
	alsoFile(f)
	f.StringVar(&q.format, "format", "markdown", "markdown, html, json or csv")
	f.BoolVar(&q.json, "json", false, "the same as --format json")
	f.StringVarP(&q.out, "out", "o", "", "write to this file, which is written over")
	f.IntVar(&q.days, "days", report.DefaultDays, "for how many days nobody may have needed the edge")
	f.StringVar(&q.prove, "prove", "", "route to ask for without the edge; needs --config")
	f.StringVar(&q.key, "key", "", "subscription key to prove with: env:NAME or file:/path")
	f.StringVar(&q.token, "token", "", "token to prove with: env:NAME or file:/path")
	f.StringVar(&q.adminToken, "admin-token", "", "token of the admin listeners: env:NAME or file:/path")
	f.DurationVar(&q.timeout, "timeout", answerPatience, "the longest that one answer is awaited")
	return cmd
}

func (q *inquiry) run(cmd *cobra.Command, args []string) error {
	if q.json {
		q.format = string(report.JSON)
	}
	switch {
	case !slices.Contains(report.Formats, report.Format(q.format)):
		return usageError{fmt.Errorf("--format: %q is none of markdown, html, json and csv", q.format)}
	case q.days < 1 || q.days > 366:
		return usageError{errors.New("--days: want 1 to 366")}
	case q.timeout <= 0:
		return usageError{errors.New("--timeout: want a time, such as 20s")}
	case q.prove != "" && q.from.file == "":
		return usageError{errors.New("--prove needs --config: it says where the API of the route is")}
	}
	if q.from.file != "" {
		conf, err := q.from.load(cmd)
		if err != nil {
			return err
		}
		q.conf = &conf
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	d, err := q.census(ctx, cmd.ErrOrStderr(), args)
	if err != nil {
		return err
	}
	o := report.Options{Now: time.Now(), Days: q.days}
	if q.prove != "" {
		proofs, err := q.proofs(ctx, cmd.ErrOrStderr(), &d)
		if err != nil {
			return err
		}
		o.Proofs = map[string][]doctor.Proof{q.prove: proofs}
	}
	r := report.Make(d, o)
	if err := q.write(cmd.OutOrStdout(), &r); err != nil {
		return err
	}
	return q.verdict(&r, o.Proofs[q.prove])
}

func (q *inquiry) write(out io.Writer, r *report.Report) (err error) {
	if q.out == "" {
		return r.Write(out, report.Format(q.format))
	}
	f, err := os.Create(q.out)
	if err != nil {
		return err
	}
	return errors.Join(r.Write(f, report.Format(q.format)), f.Close())
}

// verdict is the exit code.
func (q *inquiry) verdict(r *report.Report, proofs []doctor.Proof) error {
	code := map[report.Verdict]int{report.Needed: exitNeeded, report.Unknown: exitUnknown}[r.Verdict]
	if q.prove != "" {
		code = 0
		if len(proofs) == 0 {
			code = exitUnknown
		}
		if slices.ContainsFunc(proofs, func(p doctor.Proof) bool { return p.Verdict != doctor.Accepted }) {
			code = exitNeeded
		}
	}
	if code == 0 {
		return nil
	}
	return codedError{silentError{errors.New("the edge is not known to be needless")}, code}
}

// proofs asks for each shape in which the callers of the route have asked.
func (q *inquiry) proofs(ctx context.Context, told io.Writer, d *census.Document) ([]doctor.Proof, error) {
	targets, err := doctor.Targets(*q.conf, nil, true)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(targets, func(t doctor.Target) bool { return t.Name == q.prove })
	if at < 0 {
		return nil, usageError{fmt.Errorf("--prove: the configuration has no route %q", q.prove)}
	}
	opt := doctor.Options{
		Timeout: q.timeout, Agent: "apim-edge-report/" + version, APIVersion: doctor.LegacyAPIVersion,
		Progress: func(text string) { fmt.Fprintln(told, "apim-edge:", text) }, //nolint:errcheck // nobody is left to tell
	}
	if opt.Key, err = named("key", q.key); err != nil {
		return nil, usageError{err}
	}
	if opt.Token, err = named("token", q.token); err != nil {
		return nil, usageError{err}
	}
	shapes, skipped := report.Shapes(d, q.prove, time.Now().AddDate(0, 0, -q.days))
	if len(shapes)+len(skipped) == 0 {
		fmt.Fprintf(told, "apim-edge: nothing to prove: in %d days the census has seen no caller of route %s; look further back by --days, or ask its API by apim-edge doctor\n", q.days, q.prove) //nolint:errcheck // nobody is left to tell
	}
	if len(shapes) == 0 {
		return skipped, nil
	}
	return append(doctor.Prove(ctx, &targets[at], shapes, opt), skipped...), ctx.Err()
}
