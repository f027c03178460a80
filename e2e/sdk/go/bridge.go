package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"
)

// crossing is one operation through a bridge. model is the client's name for it.
type crossing func(ctx context.Context, client openai.Client, model string) (string, error)

var long = strings.Repeat("x", 200_000) // openai-go writes model behind it

// bridgeCases are those of openai-go through a bridge: each way of setting it up speaks
// its own shape of the API to an upstream that speaks the other.
func bridgeCases() []testCase {
	kinds := []struct {
		name, model string
		options     []option.RequestOption
	}{
		{"v1", "gpt-5", []option.RequestOption{option.WithBaseURL(keyBase + "/openai/v1/"), option.WithAPIKey(key)}},
		{"legacy", "five", []option.RequestOption{
			azure.WithEndpoint(keyBase+"/legacy", apiVersion), azure.WithUnsafeAllowHTTP(), azure.WithAPIKey(key),
		}},
	}
	operations := []struct {
		name string
		run  crossing
	}{
		{"chat", crossChat}, {"chat_stream", crossChatStream}, {"responses", crossResponse},
		{"responses_stream", crossResponseStream}, {"embeddings", crossEmbeddings}, {"transcription", crossTranscription},
		{"image_edit", crossImageEdit}, {"models", crossModels}, {"file_create", crossFile}, {"file_list", crossFiles},
		{"batch_create", crossBatch}, {"batch_list", crossBatches},
	}
	var cases []testCase
	for _, k := range kinds {
		for _, op := range operations {
			cases = append(cases, testCase{k.name + "/" + op.name, func(ctx context.Context, name string) (string, error) {
				return op.run(ctx, connect(name, k.options...), k.model)
			}})
		}
	}
	return cases
}

func crossChat(ctx context.Context, client openai.Client, model string) (string, error) {
	return completion(ctx, client, model, long)
}

func crossChatStream(ctx context.Context, client openai.Client, model string) (string, error) {
	pieces, err := completionPieces(ctx, client, model, long)
	return strings.Join(pieces, ""), err
}

func crossResponse(ctx context.Context, client openai.Client, model string) (string, error) {
	answer, err := client.Responses.New(ctx, responseParams(model, long))
	if err != nil {
		return "", err
	}
	return answer.ID, nil
}

func crossResponseStream(ctx context.Context, client openai.Client, model string) (string, error) {
	pieces, err := responsePieces(ctx, client, model, long)
	return strings.Join(pieces, ""), err
}

func crossEmbeddings(ctx context.Context, client openai.Client, model string) (string, error) {
	vector, err := embedding(ctx, client, model, long)
	if err != nil {
		return "", err
	}
	return fmt.Sprint(vector[0]), nil
}

func crossTranscription(ctx context.Context, client openai.Client, model string) (string, error) {
	answer, err := client.Audio.Transcriptions.New(ctx, openai.AudioTranscriptionNewParams{
		Model: model, File: openai.File(bytes.NewReader(make([]byte, 5_000_000)), "a.mp3", "audio/mpeg"),
	})
	if err != nil {
		return "", err
	}
	return answer.Text, nil
}

func crossImageEdit(ctx context.Context, client openai.Client, model string) (string, error) {
	picture := openai.File(bytes.NewReader(make([]byte, 2_000_000)), "a.png", "image/png")
	answer, err := client.Images.Edit(ctx, openai.ImageEditParams{
		Model: model, Prompt: "brighter", Image: openai.ImageEditParamsImageUnion{OfFile: picture},
	})
	if err != nil {
		return "", err
	}
	return answer.Data[0].B64JSON, nil
}

func crossModels(ctx context.Context, client openai.Client, _ string) (string, error) {
	names, err := modelNames(ctx, client)
	return strings.Join(names, ","), err
}

func crossFile(ctx context.Context, client openai.Client, _ string) (string, error) {
	file, err := client.Files.New(ctx, openai.FileNewParams{
		File: openai.File(strings.NewReader("{}"), "lines.jsonl", "application/jsonl"), Purpose: openai.FilePurposeBatch,
	})
	if err != nil {
		return "", err
	}
	return file.ID, nil
}

func crossFiles(ctx context.Context, client openai.Client, _ string) (string, error) {
	list, err := client.Files.List(ctx, openai.FileListParams{})
	if err != nil {
		return "", err
	}
	return list.Data[0].ID, nil
}

func crossBatch(ctx context.Context, client openai.Client, _ string) (string, error) {
	batch, err := client.Batches.New(ctx, openai.BatchNewParams{
		InputFileID: "file-1", Endpoint: openai.BatchNewParamsEndpointV1ChatCompletions,
		CompletionWindow: openai.BatchNewParamsCompletionWindow24h,
	})
	if err != nil {
		return "", err
	}
	return batch.ID, nil
}

func crossBatches(ctx context.Context, client openai.Client, _ string) (string, error) {
	list, err := client.Batches.List(ctx, openai.BatchListParams{})
	if err != nil {
		return "", err
	}
	return list.Data[0].ID, nil
}
