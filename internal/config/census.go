package config

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
)

// Census counts who uses apim-edge and what for (docs/census.md).
type Census struct {
	// Count callers, for /census and apim-edge report.
	Enabled bool `koanf:"enabled"`
	// The most rows that are kept; what has no room counts into one row.
	Rows int `koanf:"rows" min:"10" max:"100000"`
	// File that the census is kept in over restarts, written anew once a minute.
	// Each replica needs one of its own. Empty: in memory alone.
	File string `koanf:"file"`
	// What callers' keys are hashed by: env:NAME or file:/path of any text that
	// nobody can guess, the same for all replicas. With another key, the same
	// caller gets another row. Empty: one made up at each start.
	Key string `koanf:"key" secret:"reference"`
}

// census checks where the census is kept.
func (v *checker) census() {
	c := v.config.Census
	if c.File != "" && !filepath.IsAbs(c.File) {
		v.wrong("census.file", option.Show(c.File), "an absolute path, such as /var/lib/apim-edge/census.jsonl", "")
	}
	switch {
	case c.Key == "":
	case strings.HasPrefix(c.Key, "keyvault:"):
		v.fault("census.key", "", "a vault is not asked for it; write env:NAME or file:/path", "")
	default:
		v.fault("census.key", "", referenceFault(c.Key), "")
	}
}

// censusWarnings tells what the census will not know.
func (v *checker) censusWarnings() {
	c := v.config.Census
	switch {
	case !c.Enabled:
		if c.File != "" || c.Key != "" {
			v.fault("census", "", "nothing here has an effect while enabled is false", "")
		}
	case c.File != "" && c.Key == "":
		v.fault("census.key", "", "without a key each start hashes callers anew: rows of two starts, or of two replicas, cannot be joined by caller", "")
	}
}

// censusFiles checks that the census can be kept where it should be.
func (v *checker) censusFiles() {
	c := v.config.Census
	v.secret("census.key", c.Key)
	if !c.Enabled || c.File == "" {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(c.File), ".apim-edge-check-*")
	if err != nil {
		v.fault("census.file", option.Show(c.File), "its folder cannot be written to: "+reason(err), "")
		return
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
}
