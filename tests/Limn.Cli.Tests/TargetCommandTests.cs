using System.Text.Json;
using Limn.Data;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;

namespace Limn.Cli.Tests;

/// <summary>Targets beyond classes, tokens, and what LRP loses, from the command line.</summary>
public sealed class TargetCommandTests : IDisposable
{
    private readonly Folder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_box_of_a_detector_is_explained()
    {
        string x = folder.Array("x.npy", [1, 2, 3, 4], 1, 1, 2, 2);
        Ran ran = CommandLine.Done("explain", Detector(), "--input", x, "--method", "input-x-gradient", "--target", "box:0,0,1,1.2:1", "--output", folder["out"], "--json");
        Assert.Equal("box 0,0,1,1.2 of class 1", ran.Json.GetProperty("target").GetString());
        Assert.Equal(2, ran.Json.GetProperty("prediction")[0].GetDouble(), 5);
        Assert.Contains(ran.Json.GetProperty("remarks").EnumerateArray(), r => r.GetString()!.Contains("number 0", StringComparison.Ordinal));
        Assert.Equal([2f, 0, 0, 0], Folder.Read(folder["out/attribution.npy"]));
        // By name and format: the same.
        CommandLine.Done("explain", folder["detector.onnx"], "--input", x, "--method", "feature-ablation", "--target", "box:0,0,1,1.2:1", "--boxes", "boxes", "--scores", "scores", "--box-format", "xyxy", "--output", folder["same"]);
        Assert.Equal([2f, 0, 0, 0], Folder.Read(folder["same/attribution.npy"]));
    }

    [Theory]
    [InlineData("box:0,0,1", "box:X1,Y1,X2,Y2")]
    [InlineData("box:2,0,1,1", "ends before it begins")]
    [InlineData("box:0,0,1,1:x", "box:X1,Y1,X2,Y2")]
    [InlineData("margin:1,x", "margin:A,B")]
    [InlineData("box:0,0,1,1", "--box-format", "--box-format", "round")]
    [InlineData("1", "belongs to --target box", "--boxes", "boxes")]
    [InlineData("predicted", "--target-mask", "--target-mask", "m.npy")]
    public void A_target_that_is_none_is_refused_before_anything_is_read(string target, string says, params string[] more) =>
        CommandLine.Run(["explain", "none.onnx", "--input", "none.npy", "--method", "saliency", "--output", folder["out"], "--target", target, .. more]).Refused(2, says);

    [Fact]
    public void Margins_layers_and_masks_are_targets()
    {
        string x = folder.Array("rows.npy", [1, 2, 3], 1, 3);
        CommandLine.Done("explain", folder.Table(), "--input", x, "--method", "input-x-gradient", "--target", "margin:1,0", "--output", folder["margin"]);
        Assert.Equal([-1f, 0 - 4, 9], Folder.Read(folder["margin/attribution.npy"]));
        CommandLine.Done("explain", folder["table.onnx"], "--input", x, "--method", "input-x-gradient", "--target", "layer:scores", "--output", folder["layer"]);
        Assert.Equal([1f, 4, 9], Folder.Read(folder["layer/attribution.npy"]));

        var g = new GraphBuilder("segmentation");
        g.Output(g.Op(new Identity(), g.Input("x", ElementType.Float, [Dim.Named("batch"), 2, 2, 2])), "y");
        OnnxWriter.Write(g.Build(), folder["segmentation.onnx"]);
        string picture = folder.Array("picture.npy", [1, 2, 3, 4, 5, 6, 7, 8], 1, 2, 2, 2), mask = folder.Array("mask.npy", [1, 0, 0, 1], 2, 2), whole = folder.Array("whole.npy", [1, 0, 0, 0, 0, 0, 0, 2], 2, 2, 2);
        CommandLine.Done("explain", folder["segmentation.onnx"], "--input", picture, "--method", "input-x-gradient", "--target", "1", "--target-mask", mask, "--output", folder["class"]);
        Assert.Equal([0f, 0, 0, 0, 5, 0, 0, 8], Folder.Read(folder["class/attribution.npy"]));
        CommandLine.Done("explain", folder["segmentation.onnx"], "--input", picture, "--method", "input-x-gradient", "--target-mask", whole, "--output", folder["whole"]);
        Assert.Equal([1f, 0, 0, 0, 0, 0, 0, 16], Folder.Read(folder["whole/attribution.npy"]));
        CommandLine.Run("explain", folder["segmentation.onnx"], "--input", picture, "--method", "saliency", "--target-mask", mask, "--output", folder["wrong"]).Refused(1, "mask", "which class");
    }

    [Fact]
    public void Tokens_are_summed_and_shown_with_their_texts()
    {
        NpyFile.Write(folder["ids.npy"], System.Numerics.Tensors.Tensor.Create(new long[] { 2, 0, 1 }, [1, 3]));
        NpyFile.Write(folder["counts.npy"], System.Numerics.Tensors.Tensor.Create(new long[] { 1, 1, 1 }, [1, 3]));
        NpyFile.Write(folder["pads.npy"], System.Numerics.Tensors.Tensor.Create(new long[] { 1, 1, 1 }, [1, 3]));
        string vocabulary = folder.Text("vocabulary.txt", "<bad>\n[PAD]\ngood");
        string[] common = ["explain", Text(), "--input", $"ids={folder["ids.npy"]}", "--input", $"mask={folder["counts.npy"]}", "--method", "integrated-gradients", "--target", "0"];
        CommandLine.Done([.. common, "--baseline", $"ids={folder["pads.npy"]}", "--vocabulary", vocabulary, "--output", folder["out"]]);
        Assert.Equal([1, 3, 2], NpyFile.Read(folder["out/attribution.npy"]).Shape.ToArray());
        // Embeddings (-1,-1), (1,0), (2,3), summed: against the pad's 1.
        Assert.Equal([4f, -3, 0], Folder.Read(folder["out/attribution.tokens.npy"]).Select(v => MathF.Round(v, 4)));
        string page = File.ReadAllText(folder["out/report.html"]);
        Assert.Contains("What each token adds", page, StringComparison.Ordinal);
        Assert.Contains(">good</span>", page, StringComparison.Ordinal);
        Assert.Contains("&lt;bad&gt;</span>", page, StringComparison.Ordinal);
        CommandLine.Done([.. common, "--baseline", "zero-embedding", "--output", folder["zero"]]);
        Assert.Equal([5f, -2, 1], Folder.Read(folder["zero/attribution.tokens.npy"]).Select(v => MathF.Round(v, 4)));
        Assert.Contains(">2</span>", File.ReadAllText(folder["zero/report.html"]), StringComparison.Ordinal);
    }

    [Fact]
    public void Lrp_says_where_relevance_was_lost()
    {
        string x = folder.Array("rows.npy", [1, 2, 3], 1, 3);
        JsonElement json = CommandLine.Done("explain", folder.Table(), "--input", x, "--method", "lrp", "--set", "conservation=true", "--output", folder["out"], "--json").Json;
        JsonElement row = json.GetProperty("conservation")[0];
        Assert.Equal(9, row.GetProperty("score").GetDouble(), 4);
        Assert.Equal(9, row.GetProperty("delivered").GetDouble(), 3);
        Assert.Equal(["Identity", "Relu", "MatMul"], row.GetProperty("layers").EnumerateArray().Select(l => l.GetProperty("operator").GetString()));
        Assert.Contains("Where relevance was lost", File.ReadAllText(folder["out/report.html"]), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, CommandLine.Done("explain", folder["table.onnx"], "--input", x, "--method", "saliency", "--output", folder["other"], "--json").Json.GetProperty("conservation").ValueKind);
    }

    /// <summary>Two boxes beside each other; the score of box b for class k is (k + 1) times pixel b.</summary>
    private string Detector()
    {
        var g = new GraphBuilder("detector");
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 2, 2]);
        Value pixels = g.Slice(g.Flatten(x), [0], [2], [1]);
        g.Output(g.Add(g.Scale(g.Unsqueeze(pixels, 2), 0), g.Constant(new NdArray([0f, 0, 1, 1, 1, 0, 2, 1], 1, 2, 4))), "boxes");
        g.Output(g.Mul(g.Unsqueeze(pixels, 2), g.Constant(new NdArray([1f, 2], 1, 1, 2))), "scores");
        OnnxWriter.Write(g.Build(), folder["detector.onnx"]);
        return folder["detector.onnx"];
    }

    /// <summary>The sum of the embeddings of the tokens that the mask leaves in.</summary>
    private string Text()
    {
        var g = new GraphBuilder("text");
        Value ids = g.Input("ids", ElementType.Int64, [Dim.Named("batch"), 3]), mask = g.Input("mask", ElementType.Int64, [Dim.Named("batch"), 3]);
        Value embedded = g.Gather(g.Constant(new NdArray([-1f, -1, 1, 0, 2, 3], 3, 2)), ids);
        Value counted = g.Mul(embedded, g.Cast(g.Unsqueeze(mask, 2), ElementType.Float));
        g.Output(g.ReduceSum(g.ReduceSum(counted, [2], keepDims: false), [1]), "y");
        OnnxWriter.Write(g.Build(), folder["text.onnx"]);
        return folder["text.onnx"];
    }
}
