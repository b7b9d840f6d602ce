using System.Numerics.Tensors;
using System.Text;
using Limn.Data;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;

namespace Limn.Cli.Tests;

/// <summary>A folder for a test's files, with small models whose answers are known; gone when the test is.</summary>
internal sealed class Folder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("limn-cli-").FullName;

    public string this[string name] => Path.Combine(Root, name);

    /// <summary>Everything in the folder, to see that nothing was left behind.</summary>
    public string[] Entries => [.. Directory.EnumerateFileSystemEntries(Root, "*", SearchOption.AllDirectories).Select(e => Path.GetRelativePath(Root, e)).Order(StringComparer.Ordinal)];

    public string Text(string name, string content)
    {
        File.WriteAllText(this[name], content);
        return this[name];
    }

    public string Bytes(string name, byte[] content)
    {
        File.WriteAllBytes(this[name], content);
        return this[name];
    }

    public string Array(string name, float[] values, params nint[] shape)
    {
        NpyFile.Write(this[name], Tensor.Create(values, shape));
        return this[name];
    }

    public string Picture(string name, int width, int height)
    {
        var image = new Image(width, height, 3);
        for (int i = 0; i < image.Pixels.Length; i++) image.Pixels[i] = (byte)(i * 37);
        PngFile.Write(this[name], image);
        return this[name];
    }

    /// <summary>relu(x·W) + b of a table of three columns, two classes: class 0 is a + 2b, class 1 is 3c, for numbers that are not negative.</summary>
    public string Table(bool softmax = false)
    {
        var graph = new GraphBuilder("table");
        Value x = graph.Input("x", ElementType.Float, [Dim.Named("batch"), 3]);
        Value y = graph.Relu(graph.MatMul(x, graph.Constant(new NdArray([1f, 0, 2, 0, 0, 3], 3, 2), "weights")));
        graph.Output(softmax ? graph.Softmax(y, 1) : y, "scores");
        OnnxWriter.Write(graph.Build(), this["table.onnx"]);
        return this["table.onnx"];
    }

    /// <summary>Sums of pictures of three channels and 4 x 4 pixels: class k is k + 1 times the sum of all elements.</summary>
    public string Pictures()
    {
        var graph = new GraphBuilder("pictures");
        Value x = graph.Input("picture", ElementType.Float, [Dim.Named("batch"), 3, 4, 4]);
        NdArray weights = NdArray.Create(ElementType.Float, 48, 2);
        for (int i = 0; i < 96; i++) weights.Floats[i] = 1 + i % 2;
        graph.Output(graph.MatMul(graph.Flatten(x), graph.Constant(weights, "weights")), "scores");
        OnnxWriter.Write(graph.Build(), this["pictures.onnx"]);
        return this["pictures.onnx"];
    }

    /// <summary>Two inputs of two columns each: a + b, summed.</summary>
    public string TwoInputs()
    {
        var graph = new GraphBuilder("two");
        Value a = graph.Input("left", ElementType.Float, [Dim.Named("batch"), 2]), b = graph.Input("a/b", ElementType.Float, [Dim.Named("batch"), 2]);
        graph.Output(graph.Mul(a, b), "product");
        OnnxWriter.Write(graph.Build(), this["two.onnx"]);
        return this["two.onnx"];
    }

    /// <summary>The table's model with an operator that nobody knows.</summary>
    public string Unsupported()
    {
        string text = Encoding.Latin1.GetString(File.ReadAllBytes(Table()));
        return Bytes("unsupported.onnx", Encoding.Latin1.GetBytes(text.Replace("Relu", "Wolu", StringComparison.Ordinal)));
    }

    public static float[] Read(string path) => NpyFile.Read(path).Elements<float>().ToArray();

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
