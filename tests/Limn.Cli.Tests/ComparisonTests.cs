using System.Text.Json;
using Limn.Data;

namespace Limn.Cli.Tests;

/// <summary><c>limn explain</c> with several methods.</summary>
public sealed class ComparisonTests : IDisposable
{
    private readonly Folder folder = new();

    public void Dispose() => folder.Dispose();

    private string Rows => folder.Array("x.npy", [1, 2, 3, 4, 5, 0.5f], 2, 3);

    private string[] Explain(string method, params string[] more) => ["explain", folder.Table(), "--input", Rows, "--method", method, "--output", folder["out"], .. more];

    [Fact]
    public void Each_method_has_a_folder_and_the_page_compares_them()
    {
        Ran ran = CommandLine.Done(Explain("saliency,input-x-gradient,integrated-gradients"));
        Assert.Equal(["comparison.json", "input-x-gradient", "input-x-gradient/attribution.npy", "input-x-gradient/explanation.json", "integrated-gradients",
            "integrated-gradients/attribution.npy", "integrated-gradients/explanation.json", "report.html", "saliency", "saliency/attribution.npy", "saliency/explanation.json"],
            Directory.EnumerateFileSystemEntries(folder["out"], "*", SearchOption.AllDirectories).Select(e => Path.GetRelativePath(folder["out"], e)).Order(StringComparer.Ordinal));
        CommandLine.Done("explain", folder["table.onnx"], "--input", folder["x.npy"], "--method", "input-x-gradient", "--output", folder["alone"]);
        Assert.Equal(Folder.Read(folder["alone/attribution.npy"]), Folder.Read(folder["out/input-x-gradient/attribution.npy"]));
        string page = File.ReadAllText(folder["out/report.html"]);
        foreach (string words in (string[])["3 methods on table.onnx", "How far the methods agree", "Checks and cost", "Rank correlation", "What this result can and cannot tell", "href=\"#section-5\">Saliency"])
            Assert.Contains(words, page, StringComparison.Ordinal);
        Assert.Contains("integrated-gradients", ran.Out, StringComparison.Ordinal);
        Assert.Contains("(2 shared)", ran.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_holds_the_numbers_of_the_comparison()
    {
        JsonElement json = CommandLine.Done(Explain("saliency,input-x-gradient,integrated-gradients", "--target", "0", "--json")).Json;
        Assert.Equal(json.GetRawText(), JsonDocument.Parse(File.ReadAllText(folder["out/comparison.json"])).RootElement.GetRawText());
        Assert.Equal(1, json.GetProperty("schema").GetInt32());
        JsonElement correlation = json.GetProperty("rankCorrelation");
        Assert.Equal(1, correlation[1][1].GetDouble());
        Assert.Equal(1, correlation[1][2].GetDouble(), 1e-6); // on a network without bias both are the same
        Assert.Equal(correlation[0][2].GetDouble(), correlation[2][0].GetDouble());
        Assert.Equal(1, json.GetProperty("topOverlap")[1][2].GetDouble());
        Assert.Equal(2, json.GetProperty("sharedModelCalls").GetInt32());
        Assert.Equal(["saliency", "input-x-gradient", "integrated-gradients"], json.GetProperty("explanations").EnumerateArray().Select(e => e.GetProperty("folder").GetString()));
        Assert.Equal(json.GetProperty("modelCalls").GetInt64(), 2 + json.GetProperty("explanations").EnumerateArray().Sum(e => e.GetProperty("modelCalls").GetInt64()));
        Assert.Equal(JsonValueKind.Null, json.GetProperty("explanations")[0].GetProperty("convergenceDelta").ValueKind);
    }

    [Fact]
    public void Pictures_are_shown_on_one_sheet()
    {
        JsonElement json = CommandLine.Done("explain", folder.Pictures(), "--input", folder.Picture("p.png", 4, 4), "--method", "saliency,input-x-gradient,occlusion", "--output", folder["out"], "--json").Json;
        Assert.Equal(3, json.GetProperty("methods").GetArrayLength());
        Image sheet = PngFile.Read(folder["out/heatmaps.png"]);
        Assert.True(sheet.Width > 4 * 192 && sheet.Height > 192);
        Assert.True(File.Exists(folder["out/occlusion/heatmap.png"]));
        Assert.Contains("99th percentile", File.ReadAllText(folder["out/report.html"]), StringComparison.Ordinal);
        // Gradients of a linear network are constant: there is no order to compare, and the page says so.
        Assert.Equal(JsonValueKind.Null, json.GetProperty("rankCorrelation")[0][1].ValueKind);
        Assert.NotEmpty(json.GetProperty("notes").EnumerateArray());
    }

    [Fact]
    public void All_takes_what_applies_and_says_why_the_rest_does_not()
    {
        Ran ran = CommandLine.Done(Explain("all", "--set", "samples=5", "--set", "steps=10"));
        Assert.Contains("left out: grad-cam, ", ran.Out, StringComparison.Ordinal);
        JsonElement json = JsonDocument.Parse(File.ReadAllText(folder["out/comparison.json"])).RootElement;
        string[] methods = [.. json.GetProperty("methods").EnumerateArray().Select(m => m.GetString()!)];
        string[] leftOut = [.. json.GetProperty("leftOut").EnumerateArray().Select(m => m.GetProperty("method").GetString()!)];
        Assert.Equal(MethodRegistry.All.Select(m => m.Name).Order(StringComparer.Ordinal), methods.Concat(leftOut).Order(StringComparer.Ordinal));
        Assert.Contains("feature-ablation", methods);
        Assert.Contains("neuron-conductance", leftOut);
        Assert.All(json.GetProperty("leftOut").EnumerateArray(), f => Assert.NotEmpty(f.GetProperty("reason").GetString()!));
    }

    [Fact]
    public void All_at_a_layer_are_the_methods_that_explain_layers()
    {
        JsonElement json = CommandLine.Done(Explain("all", "--at", "MatMul_0", "--set", "samples=5", "--json")).Json;
        string[] methods = [.. json.GetProperty("methods").EnumerateArray().Select(m => m.GetString()!)];
        Assert.Contains("conductance", methods);
        Assert.Contains("layer-activation", methods);
        Assert.DoesNotContain("occlusion", methods);
    }

    [Fact]
    public void Options_reach_the_methods_that_have_them()
    {
        JsonElement json = CommandLine.Done(Explain("saliency,integrated-gradients,smooth-grad", "--set", "integrated-gradients.steps=7", "--set", "absolute=false", "--set", "steps=3", "--set", "smooth-grad.samples=4", "--json")).Json;
        JsonElement Options(int i) => json.GetProperty("explanations")[i].GetProperty("options");
        Assert.False(Options(0).GetProperty("absolute").GetBoolean());
        Assert.Equal(7, Options(1).GetProperty("steps").GetInt32()); // what is said of one method counts for it, in any order
        Assert.Equal(4, Options(2).GetProperty("samples").GetInt32());
        Assert.False(Options(2).GetProperty("absolute").GetBoolean());
        CommandLine.Run(Explain("saliency,input-x-gradient", "--set", "steps=3")).Refused(2, "none of the methods", "'steps'");
        CommandLine.Run(Explain("saliency,input-x-gradient", "--set", "lrp.rule=epsilon")).Refused(2, "lrp", "--method");
        CommandLine.Run(Explain("saliency,lrp", "--set", "saliency.steps=3")).Refused(2, "saliency", "'steps'");
        CommandLine.Done(Explain("saliency", "--set", "saliency.absolute=false"));
    }

    [Fact]
    public void Baselines_reach_the_methods_that_have_them()
    {
        CommandLine.Done(Explain("saliency,feature-ablation,integrated-gradients", "--baseline", "1", "--target", "0"));
        Assert.Equal([0f, 2, 0], Folder.Read(folder["out/feature-ablation/attribution.npy"])[..3]);
        Assert.Equal("1", JsonDocument.Parse(File.ReadAllText(folder["out/feature-ablation/explanation.json"])).RootElement.GetProperty("baseline").GetString());
        Assert.Equal(JsonValueKind.Null, JsonDocument.Parse(File.ReadAllText(folder["out/saliency/explanation.json"])).RootElement.GetProperty("baseline").ValueKind);
        CommandLine.Run(Explain("saliency,lrp", "--baseline", "1")).Refused(2, "none of the methods has a baseline");
    }

    [Fact]
    public void Wrong_lists_are_refused_and_nothing_is_written()
    {
        CommandLine.Run(Explain("saliency,saliency")).Refused(2, "'saliency' twice");
        CommandLine.Run(Explain("saliency,")).Refused(2, "no method ''");
        CommandLine.Run(Explain("saliency,gradcam")).Refused(2, "no method 'gradcam'", "grad-cam");
        CommandLine.Run(Explain("saliency,lrp", "--target", "7")).Refused(1, "no class 7");
        CommandLine.Run(Explain("grad-cam,conductance")).Refused(1, "None of the 2 methods", "conductance");
        Assert.False(Directory.Exists(folder["out"]));
    }

    [Fact]
    public void Cancelling_writes_nothing()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        Ran ran = CommandLine.Run(source.Token, Explain("saliency,lrp"));
        Assert.Equal(1, ran.Code);
        Assert.False(Directory.Exists(folder["out"]));
    }

    [Fact]
    public void Folder_that_cannot_take_all_files_is_as_it_was()
    {
        Directory.CreateDirectory(folder["out/report.html"]); // a folder where a file is to be
        Directory.CreateDirectory(folder["out/saliency"]);
        File.WriteAllText(folder["out/saliency/attribution.npy"], "old");
        CommandLine.Run(Explain("saliency,lrp")).Refused(1, "cannot be written");
        Assert.Equal(["out/report.html", "out/saliency", "out/saliency/attribution.npy"], folder.Entries.Where(e => e.StartsWith("out/", StringComparison.Ordinal)));
        Assert.Equal("old", File.ReadAllText(folder["out/saliency/attribution.npy"]));
    }
}
