using Limn.Data;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.Models;

/// <summary>Real trained networks against reference outputs (1e-4) and input gradients (1e-3, relative L2).</summary>
public sealed class RealModelTests
{
    [SharedTheory]
    [InlineData("squeezenet/squeezenet.onnx", "squeezenet/kitten_reference.npz")]
    [InlineData("mnist/mnist8.onnx", "mnist/mnist8_img0.npz")]
    [InlineData("mnist/tribuo_cnn_mnist.onnx", "mnist/tribuo_cnn_mnist_img0.npz")]
    [InlineData("attention/self-attention-mnist.onnx", "attention/selfattention_mnist_img0.npz")]
    [InlineData("tabular/iris_mlp_pytorch.onnx", "tabular/iris_mlp_row0.npz")]
    public void Outputs_and_input_gradients_agree_with_the_reference(string file, string reference)
    {
        string folder = Path.Combine(SharedFiles.Folder!, "models");
        OnnxModel model = OnnxModel.Load(Path.Combine(folder, file));
        IReadOnlyDictionary<string, NpyArray> expected = NpzFile.Read(Path.Combine(folder, reference));
        NdArray input = NdArray.From(expected.Single(e => e.Key.StartsWith("in_", StringComparison.Ordinal)).Value.ToFloat());
        Assert.True(Numbers.RelativeError(model.Predict([input])[0].Floats, expected["out0"].To<double>()) <= 1e-4);

        // The references give the gradient of the score before a final Softmax or LogSoftmax where its name says 'logit'.
        int target = (int)expected["target"].ToInt64().Single();
        Attribution asIs = new Saliency(model) { Absolute = false }.Explain([input], Target.Class(target));
        Attribution logit = new Saliency(model) { Absolute = false }.Explain([input], Target.Class(target).Logit);
        double error = Math.Min(Error(asIs), Error(logit));
        Assert.True(error <= 1e-3, $"relative L2 {error:E2}");

        double Error(Attribution a) => Numbers.RelativeError(Numbers.Of(a.Values), expected["grad"].To<double>());
    }

    [SharedFact("models/mnist/mnist8.onnx")]
    public void Mnist8_reads_99_of_100_digits_and_batches_run_row_by_row()
    {
        string folder = Path.Combine(SharedFiles.Folder!, "models", "mnist");
        OnnxModel model = OnnxModel.Load(Path.Combine(folder, "mnist8.onnx"));
        Assert.Equal(1, model.FixedRows);
        float[][] rows = [.. File.ReadLines(Path.Combine(folder, "mnist_100.csv")).Where(l => l.Length > 0 && char.IsDigit(l[0])).Select(l => l.Split(',').Select(float.Parse).ToArray())];
        NdArray pixels = new([.. rows.SelectMany(r => r.Skip(1))], rows.Length, 1, 28, 28);
        int[] predicted = Readout.Predicted(model.Predict([pixels])[0]);
        Assert.Equal(99, predicted.Where((p, r) => p == (int)rows[r][0]).Count());
    }

    [SharedFact("models/unet/sedgen_unet.onnx")]
    public void A_network_from_picture_to_picture_agrees_with_the_reference()
    {
        string folder = Path.Combine(SharedFiles.Folder!, "models", "unet");
        OnnxModel model = OnnxModel.Load(Path.Combine(folder, "sedgen_unet.onnx"));
        IReadOnlyDictionary<string, NpyArray> expected = NpzFile.Read(Path.Combine(folder, "sedgen_unet_00050.npz"));
        NdArray input = NdArray.From(expected["in_input"].ToFloat()), output = model.Predict([input])[0];
        Assert.True(Numbers.RelativeError(output.Floats, expected["out0"].To<double>()) <= 1e-4);

        int element = (int)expected["target"].ToInt64().Single();
        Attribution a = new Saliency(model) { Absolute = false }.Explain([input], Target.Neuron(model.Graph.Outputs[0].Name, 0, element / 224, element % 224));
        Assert.Equal(expected["logit"].To<double>().Single(), a.Prediction[0], 1e-4);
        double error = Numbers.RelativeError(Numbers.Of(a.Values), expected["grad"].To<double>());
        Assert.True(error <= 1e-3, $"relative L2 {error:E2}");
    }

    [SharedFact("models/lstm/tract_byte_sb_bidi_lstm.onnx")]
    public void A_bidirectional_lstm_over_bytes_agrees_with_the_reference_and_is_explained_at_its_embedding()
    {
        string folder = Path.Combine(SharedFiles.Folder!, "models", "lstm");
        OnnxModel model = OnnxModel.Load(Path.Combine(folder, "tract_byte_sb_bidi_lstm.onnx"));
        IReadOnlyDictionary<string, NpyArray> expected = NpzFile.Read(Path.Combine(folder, "tract_byte_sb_bidi_lstm_io.npz"));
        NdArray bytes = NdArray.From(expected["input"].ToInt64()).As(ElementType.UInt8);
        Assert.True(Numbers.RelativeError(model.Predict([bytes])[0].Floats, expected["Add_26"].To<double>()) <= 1e-4);

        // The directional derivative of the score at the embedding, by the gradient and by central differences.
        Target target = Target.Neuron(model.Graph.Outputs[0].Name, 20, 1);
        Attribution a = new InputXGradient(model).Explain([bytes.Rows(0, 1)], target);
        Assert.Equal(3, a.Values.Rank);
        const double Step = 1e-2;
        double slope = (ScaledBy(1 + Step) - ScaledBy(1 - Step)) / (2 * Step), sum = Numbers.Of(a.Values).Sum(v => (double)v);
        Assert.Equal(slope, sum, 2e-2 * Math.Max(1, Math.Abs(slope)));

        double ScaledBy(double factor)
        {
            Value place = InputPlaces.Of(model).Explained.Single();
            NdArray embedding = model.Fetch(model.FeedsOf([bytes.Rows(0, 1)]), [place], default)[0];
            foreach (ref float v in embedding.Floats) v = (float)(v * factor);
            NdArray output = model.Fetch(new Dictionary<Value, NdArray>(model.FeedsOf([bytes.Rows(0, 1)])) { [place] = embedding }, [model.Graph.Outputs[0]], default)[0];
            return output.Floats[20 * 2 + 1];
        }
    }

    [SharedFact("models/magika/magika_v3_3.onnx")]
    public void A_recogniser_of_files_recognises_this_one()
    {
        string folder = Path.Combine(SharedFiles.Folder!, "models", "magika");
        OnnxModel model = OnnxModel.Load(Path.Combine(folder, "magika_v3_3.onnx"));
        using var config = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "magika_v3_3_config.min.json")));
        string[] labels = [.. config.RootElement.GetProperty("target_labels_space").EnumerateArray().Select(l => l.GetString()!)];
        Assert.Equal("cs", Recognised(Path.Combine(SharedFiles.Root, "src", "Limn", "Question.cs")));
        Assert.Equal("png", Recognised(Path.Combine(SharedFiles.Root, "docs", "pictures", "methods", "lrp.png")));
        Assert.Equal("markdown", Recognised(Path.Combine(SharedFiles.Root, "README.md")));

        string Recognised(string path)
        {
            // The first and the last 1024 bytes without white space around, filled up with 256.
            const int Part = 1024, Padding = 256;
            byte[] file = File.ReadAllBytes(path);
            ReadOnlySpan<byte> from = file.AsSpan().TrimStart(" \t\r\n\v\f"u8), to = file.AsSpan().TrimEnd(" \t\r\n\v\f"u8);
            var input = new long[2 * Part];
            Array.Fill(input, Padding);
            for (int i = 0; i < Math.Min(Part, from.Length); i++) input[i] = from[i];
            for (int i = 0; i < Math.Min(Part, to.Length); i++) input[2 * Part - 1 - i] = to[^(i + 1)];
            NdArray scores = model.Predict([new NdArray(input, 1, 2 * Part).As(ElementType.Int32)])[0];
            return labels[System.Numerics.Tensors.TensorPrimitives.IndexOfMax<float>(scores.Floats)];
        }
    }
}
