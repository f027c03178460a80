package main

import (
	"fmt"
	"text/tabwriter"
)

// mostTold is how many details of a kind a person can read.
const mostTold = 8

// table prints what has become of exchanges, and how the load was shared.
func (c *check) table() {
	t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\nphase\tclients\texchanges\tlost\tcut\tdoubled\tsilently short\tverdict\t")
	for _, p := range c.phases {
		verdict := "holds"
		if len(p.faults) > 0 {
			verdict = "FAILS"
		}
		for who, n := range p.counts {
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t\n", p.name, who, n.all, n.lost, n.cut, n.doubled, n.short, verdict)
		}
	}
	_ = t.Flush()
	c.shareTable()
	c.tellFaults()
}

func (c *check) shareTable() {
	t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nshare of exchanges\t")
	for _, r := range c.replicas {
		fmt.Fprintf(t, "%s\t", r.name)
	}
	fmt.Fprintln(t)
	for _, s := range c.shares {
		fmt.Fprintf(t, "%s\t", s.when)
		for _, percent := range s.of {
			fmt.Fprintf(t, "%.1f %%\t", percent)
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()
	fmt.Fprintln(c.out)
}

func (c *check) tellFaults() {
	for _, p := range c.phases {
		for _, f := range p.faults {
			fmt.Fprintf(c.out, "%s: %s\n", p.name, f)
		}
		for _, d := range p.details[:min(len(p.details), mostTold)] {
			fmt.Fprintf(c.out, "    %s\n", d)
		}
	}
	findings, all := c.ledger.Findings()
	for _, f := range findings[:min(len(findings), mostTold)] {
		fmt.Fprintf(c.out, "finding: %s\n", f)
	}
	if all > mostTold {
		fmt.Fprintf(c.out, "and %d findings more\n", all-mostTold)
	}
}
