using Limn.Data;
using Limn.Engine;
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
}
