using System.Text.Json;
using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Onnx;

namespace Limn.Cli.Tests;

public sealed class CompileTests : IDisposable
{
    private readonly Folder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_file_computes_prediction_attribution_and_delta_and_says_what_it_is()
    {
        string model = folder.Table(), file = folder["why.onnx"];
        Ran ran = CommandLine.Done("compile", model, "--method", "integrated-gradients", "--set", "steps=4", "--target", "0", "--baseline", "0.5", "--output", file);
        Assert.Contains("Integrated Gradients", ran.Out, StringComparison.Ordinal);
        OnnxFile written = OnnxReader.Read(file);
        Assert.Equal(["prediction", "attribution", "delta"], written.Graph.Outputs.Select(o => o.Name));
        NdArray[] results = new Session(written.Graph).Run(new NdArray([1f, 2f, 3f, 4f, 5f, 0.5f], 2, 3));
        Assert.Equal([5f, 14f], results[0].Floats.ToArray());
        Assert.Equal([0.5f, 3f, 0, 3.5f, 9f, 0], results[1].Floats.ToArray().Select(v => MathF.Round(v, 5)));
        Assert.All(results[2].Floats.ToArray(), d => Assert.Equal(0, d, 1e-5));
        Assert.Equal("integrated-gradients", written.Metadata["limn.method"]);
        Assert.Equal("4", written.Metadata["limn.set.steps"]);
        Assert.Equal("0", written.Metadata["limn.target"]);
        Assert.Equal("0.5", written.Metadata["limn.baseline"]);
        Assert.Equal("table.onnx", written.Metadata["limn.model"]);
        Assert.Equal(64, written.Metadata["limn.model.sha256"].Length);
        Assert.Equal(["table.onnx", "why.onnx"], folder.Entries);
    }

    [Fact]
    public void Several_inputs_have_an_output_each_and_json_tells_of_them()
    {
        JsonElement json = CommandLine.Done("compile", folder.TwoInputs(), "--method", "saliency", "--output", folder["why.onnx"], "--json").Json;
        Assert.Equal(["prediction", "attribution.left", "attribution.a/b"], json.GetProperty("outputs").EnumerateArray().Select(o => o.GetProperty("name").GetString()));
        Assert.True(json.GetProperty("nodes").GetInt32() > 3);
    }

    [Fact]
    public void A_background_becomes_part_of_the_file()
    {
        string rows = folder.Array("rows.npy", [0, 0, 0, 1, 1, 1], 2, 3);
        CommandLine.Done("compile", folder.Table(), "--method", "deep-lift-shap", "--background", rows, "--target", "0", "--output", folder["why.onnx"]);
        NdArray[] results = new Session(OnnxReader.Read(folder["why.onnx"]).Graph).Run(new NdArray([1f, 2f, 3f], 1, 3));
        Assert.Equal([0.5f, 3f, 0], results[1].Floats.ToArray().Select(v => MathF.Round(v, 5)));
    }

    [Fact]
    public void What_cannot_be_compiled_is_refused_with_the_reason()
    {
        string model = folder.Table(), file = folder["why.onnx"];
        CommandLine.Run("compile", model, "--output", file).Refused(2, "--method");
        CommandLine.Run("compile", model, "--method", "saliency").Refused(2, "--output");
        CommandLine.Run("compile", model, "--method", "smooth-grad", "--output", file).Refused(2, "smooth-grad", "sampled");
        CommandLine.Run("compile", model, "--method", "integrated-gradients", "--set", "tolerance=0.1", "--output", file).Refused(2, "tolerance", "steps");
        CommandLine.Run("compile", model, "--method", "integrated-gradients", "--baseline", "uniform", "--output", file).Refused(2, "random");
        CommandLine.Run("compile", model, "--method", "conductance", "--output", file).Refused(1, "--at");
        CommandLine.Run("compile", model, "--method", "grad-cam", "--output", file).Refused(2, "integrated-gradients");
        CommandLine.Run("compile", model, "--method", "saliency", "--target", "7", "--output", file).Refused(1, "no class 7");
        CommandLine.Run("compile", model, "--method", "saliency", "--output", folder["no/where.onnx"]).Refused(1, "no folder");
        CommandLine.Run("compile", model, "--method", "saliency", "--output", folder.Root).Refused(1, "folder");
        Assert.Equal(["table.onnx"], folder.Entries);
    }

    [Fact]
    public void The_model_itself_is_not_overwritten()
    {
        string model = folder.Table();
        byte[] before = File.ReadAllBytes(model);
        CommandLine.Run("compile", model, "--method", "saliency", "--output", folder["./table.onnx"]).Refused(2, "the model itself");
        File.CreateSymbolicLink(folder["link.onnx"], model);
        CommandLine.Run("compile", model, "--method", "saliency", "--output", folder["link.onnx"]).Refused(2, "the model itself");
        Assert.Equal(before, File.ReadAllBytes(model));
    }
}
