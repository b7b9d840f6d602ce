using System.Text;

namespace Limn.Cli.Tests;

/// <summary>Bad input: one line, the right exit code, and nothing written.</summary>
public sealed class ErrorTests : IDisposable
{
    private readonly Folder folder = new();

    public void Dispose() => folder.Dispose();

    private string Rows => folder.Array("x.npy", [1, 2, 3, 4, 5, 6], 2, 3);

    private Ran Explain(string model, string input, params string[] more) =>
        CommandLine.Run(["explain", model, "--input", input, "--method", "saliency", "--output", folder["out"], .. more]);

    private void Refused(Ran ran, int code, params string[] words)
    {
        ran.Refused(code, words);
        Assert.False(Directory.Exists(folder["out"]));
        Assert.DoesNotContain(folder.Entries, e => e.Contains(".limn-", StringComparison.Ordinal) || e.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Fact]
    public void Truncated_model() => Refused(Explain(folder.Bytes("short.onnx", File.ReadAllBytes(folder.Table())[..60]), Rows), 1, "short.onnx");

    [Fact]
    public void Random_bytes()
    {
        var bytes = new byte[4096];
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)(i * i * 31 + 7);
        Refused(Explain(folder.Bytes("noise.onnx", bytes), Rows), 1, "noise.onnx");
        Refused(CommandLine.Run("inspect", folder["noise.onnx"]), 1, "noise.onnx");
    }

    [Fact]
    public void Missing_files()
    {
        Refused(Explain(folder["nowhere.onnx"], Rows), 1, "nowhere.onnx");
        Refused(Explain(folder.Table(), folder["nowhere.npy"]), 1, "nowhere.npy", "does not exist");
    }

    [Fact]
    public void Unsupported_operator() => Refused(Explain(folder.Unsupported(), Rows), 1, "Wolu", "not supported");

    [Fact]
    public void Wrong_shape() => Refused(Explain(folder.Table(), folder.Array("wide.npy", new float[10], 2, 5)), 1, "[2,5]", "[batch,3]");

    [Fact]
    public void Wrong_type() => Refused(Explain(folder.Table(), folder.Text("words.csv", "a,b,c\none,two,three\n")), 1, "words.csv", "'one'");

    [Fact]
    public void Target_out_of_range() => Refused(Explain(folder.Table(), Rows, "--target", "7"), 1, "no class 7", "2 classes");

    [Fact]
    public void Targets_for_other_rows() => Refused(Explain(folder.Table(), Rows, "--target", "0,1,0"), 1, "3 target classes", "2 rows");

    [Fact]
    public void Target_that_is_none() => Refused(Explain(folder.Table(), Rows, "--target", "abc"), 2, "--target", "'abc'");

    [Fact]
    public void Unknown_layer_names_the_nearest() => Refused(Explain(folder.Table(), Rows, "--at", "scorse"), 1, "scorse", "Nearest: scores");

    [Fact]
    public void Not_a_number_in_the_input() => Refused(Explain(folder.Table(), folder.Array("nan.npy", [1, float.NaN, 3], 1, 3)), 1, "NaN", "[0,1]");

    [Fact]
    public void Picture_that_is_none() => Refused(Explain(folder.Pictures(), folder.Text("cat.png", "hello")), 1, "cat.png", "not a PNG or JPEG");

    [Fact]
    public void Output_folder_that_is_a_file()
    {
        string file = folder.Text("taken", "mine");
        CommandLine.Run("explain", folder.Table(), "--input", Rows, "--method", "saliency", "--output", file).Refused(1, "taken", "is a file");
        Assert.Equal("mine", File.ReadAllText(file));
        CommandLine.Run("explain", folder.Table(), "--input", Rows, "--method", "saliency", "--output", Path.Combine(file, "deeper")).Refused(1, "is a file");
    }

    [Fact]
    public void One_column_too_many_is_named()
    {
        string table = folder.Text("t.csv", "label,a,b,c\n1,1,2,3\n");
        Refused(Explain(folder.Table(), table), 1, "4 columns", "--drop-column label");
        Refused(Explain(folder.Table(), table, "--drop-column", "wine"), 1, "--drop-column");
    }

    [Fact]
    public void Unknown_method_option_and_command()
    {
        Refused(CommandLine.Run("explain", folder.Table(), "--input", Rows, "--method", "salency", "--output", folder["out"]), 2, "salency", "saliency");
        Refused(Explain(folder.Table(), Rows, "--set", "steps=3"), 2, "no option 'steps'");
        Refused(Explain(folder.Table(), Rows, "--set", "absolute=maybe"), 2, "true or false");
        Refused(Explain(folder.Table(), Rows, "--inputt", "x"), 2, "--inputt", "--input");
        Refused(Explain(folder.Table(), Rows, "--seed", "x"), 2, "--seed");
        Refused(CommandLine.Run("explan"), 2, "limn explain");
    }

    [Fact]
    public void Missing_arguments()
    {
        Refused(CommandLine.Run("explain"), 2, "--method");
        Refused(CommandLine.Run("explain", folder.Table(), "--method", "saliency", "--input", Rows), 2, "--output");
        Refused(CommandLine.Run("explain", "--method", "saliency", "--output", folder["out"]), 2, "which model");
        Refused(CommandLine.Run("explain", folder.Table(), "--method", "saliency", "--output", folder["out"]), 2, "--input");
        Refused(CommandLine.Run("predict", folder.Table(), "--input"), 2, "--input");
        Refused(CommandLine.Run("explain", folder.TwoInputs(), "--input", "left=" + folder.Array("l.npy", [1, 2], 1, 2), "--method", "saliency", "--output", folder["out"]), 2, "a/b");
    }

    [Fact]
    public void Method_without_baseline_or_mask()
    {
        Refused(Explain(folder.Table(), Rows, "--baseline", "0"), 2, "no baseline", "integrated-gradients");
        Refused(Explain(folder.Table(), Rows, "--mask", Rows), 2, "no mask", "feature-ablation");
    }

    [Fact]
    public void Labels_of_another_number() => Refused(Explain(folder.Table(), Rows, "--labels", folder.Text("labels.txt", "one\ntwo\nthree\n")), 1, "3 lines", "2 classes");

    [Fact]
    public void Cancelled_work_writes_nothing()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Refused(CommandLine.Run(cancelled.Token, "explain", folder.Table(), "--input", Rows, "--method", "saliency", "--output", folder["out"]), 1, "cancelled");
    }

    [Fact]
    public void Details_only_when_asked_for()
    {
        Ran ran = CommandLine.Run("inspect", folder["nowhere.onnx"], "--verbose");
        Assert.Equal(1, ran.Code);
        Assert.Contains("   at ", ran.Error, StringComparison.Ordinal);
    }
}
