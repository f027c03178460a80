package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Write writes results.md, results.json and the plots into the folder.
func (r *Results) Write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	r.mergeLatencies()
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "results.json"), raw, 0o644); err != nil {
		return err
	}
	table, err := os.Create(filepath.Join(folder, "results.md"))
	if err != nil {
		return err
	}
	r.Markdown(table)
	pictures, err := r.Plots(folder)
	if err != nil {
		table.Close()
		return err
	}
	fmt.Fprintf(table, "\n## Plots\n\n")
	for _, name := range pictures {
		fmt.Fprintf(table, "![%s](%s)\n", name, name)
	}
	return table.Close()
}

// Read reads a results.json.
func Read(path string) (*Results, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Results{}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
