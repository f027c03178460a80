package lookalike

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
)

// defaultDimensions is the length of text-embedding-3-small's vectors.
const (
	defaultDimensions = 1536
	maxDimensions     = 8192
)

type embeddingsRequest struct {
	Input          json.RawMessage `json:"input"`
	EncodingFormat string          `json:"encoding_format"`
	Dimensions     int             `json:"dimensions"`
}

func (x *exchange) embeddings() answer {
	req := embeddingsRequest{Dimensions: defaultDimensions}
	if refusal := x.decode(&req); refusal != nil {
		return *refusal
	}
	if req.Dimensions < 1 || req.Dimensions > maxDimensions {
		return invalidRequest(fmt.Sprintf("dimensions: want 1 to %d, got %d", maxDimensions, req.Dimensions))
	}
	var data []object
	tokens := 0
	for i, text := range promptTexts(req.Input) {
		tokens += countTokens(text)
		var embedding any = vector(text, req.Dimensions)
		if req.EncodingFormat == "base64" { // what the SDKs ask for unasked
			embedding = packed(vector(text, req.Dimensions))
		}
		data = append(data, object{"object": "embedding", "index": i, "embedding": embedding})
	}
	return jsonAnswer(http.StatusOK, object{
		"object": "list", "model": x.model, "data": data,
		"usage": object{"prompt_tokens": tokens, "total_tokens": tokens},
	})
}

// vector is a unit vector that depends on the text alone.
func vector(text string, dimensions int) []float32 {
	source := rand.New(rand.NewChaCha8(sha256.Sum256([]byte(text))))
	values := make([]float64, dimensions)
	var square float64
	for i := range values {
		values[i] = source.NormFloat64()
		square += values[i] * values[i]
	}
	out := make([]float32, dimensions)
	for i, v := range values {
		out[i] = float32(v / math.Sqrt(square))
	}
	return out
}

// packed is base64 of little-endian 32-bit floats.
func packed(values []float32) string {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// modelNames is what the list shows; any other name works as well.
var modelNames = []string{"gpt-4o", "gpt-4o-mini", "text-embedding-3-small", slowReasoning}

func (x *exchange) listModels() answer {
	var data []object
	for _, name := range modelNames {
		data = append(data, modelObject(name))
	}
	return jsonAnswer(http.StatusOK, object{"object": "list", "data": data})
}

func (x *exchange) retrieveModel() answer {
	return jsonAnswer(http.StatusOK, modelObject(x.op.argument))
}

func modelObject(name string) object {
	return object{"id": name, "object": "model", "created": 1700000000, "owned_by": "lookalike"}
}
