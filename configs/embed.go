// Package configs is what the binary itself has of this folder: the JSON schema of the
// configuration and its reference, which are generated from package config.
package configs

import _ "embed"

// Schema is the JSON schema, for editors.
//
//go:embed schema.json
var Schema string

// Reference has every key with its meaning and default.
//
//go:embed reference.yaml
var Reference string
