using System.Diagnostics;
using Limn.Data;
using Limn.Engine;
using Limn.Games;
using Limn.Models;
using Limn.Tests.Data;

namespace Limn.Tests.Models;

/// <summary>Programs as models. They are scripts for node, which the build needs anyway.</summary>
public sealed class CommandPredictorTests : IDisposable
{
    private const string ReadRows = "const lines = require('fs').readFileSync(0, 'utf8').split('\\n').filter(l => l); const head = lines[0].split(','); const rows = lines.slice(1).map(l => l.split(','));\n";

    private readonly TemporaryFolder folder = new();

    private static NdArray Rows(int count) => new([.. Enumerable.Range(0, 2 * count).Select(i => i / 8f)], count, 2);

    public void Dispose() => folder.Dispose();

    private CommandPredictor Program(string script, TimeSpan? limit = null, RowFormat format = RowFormat.Csv, IReadOnlyList<string>? columns = null)
    {
        File.WriteAllText(folder["a program.js"], script);
        return new CommandPredictor($"node \"{folder["a program.js"]}\"") { TimeLimit = limit ?? TimeSpan.FromSeconds(60), Format = format, Columns = columns };
    }

    private static string Fault(CommandPredictor program, int rows = 3) => Assert.Throws<PredictorException>(() => program.Predict([Rows(rows)])).Message;

    [Fact]
    public void Rows_go_as_csv_and_scores_come_back_exactly()
    {
        CommandPredictor sum = Program(ReadRows + "rows.forEach(r => console.log(`${+r[0] + +r[1]},${-r[0]},${head[1] === 'b' ? 1 : 0}`));", columns: ["a", "b"]);
        NdArray scores = sum.Predict([new NdArray([0.1f, 1e-30f, 16777216f, -3], 2, 2)])[0];
        Assert.Equal([2, 3], scores.Dims.ToArray());
        Assert.Equal([0.1f, -0.1f, 1, 16777213, -16777216, 1], scores.Floats.ToArray());
    }

    [Fact]
    public void Text_and_json_lines_pass_whatever_they_hold()
    {
        var text = new NdArray(["He said \"no\", twice.\nThen: ünï €", " "], 2, 1);
        const string json = "const lines = require('fs').readFileSync(0, 'utf8').split('\\n').filter(l => l); lines.forEach(l => console.log(JSON.stringify([JSON.parse(l).text.length, 0.5])));";
        Assert.Equal([32f, 0.5f, 1, 0.5f], Program(json, format: RowFormat.JsonLines).Predict([text])[0].Floats.ToArray());
        const string csv = "const all = require('fs').readFileSync(0, 'utf8'); console.log(all.length); console.log(all.startsWith('text\\n\"He said \"\"no\"\", twice.\\nThen') ? 1 : 0);";
        Assert.Equal([46f, 1], Program(csv).Predict([text])[0].Floats.ToArray());
        Assert.Equal([1f], Program("console.log(JSON.parse(require('fs').readFileSync(0, 'utf8')).b === true ? 1 : 0)", format: RowFormat.JsonLines, columns: ["a", "b"])
            .Predict([new NdArray([7L], 1, 1), new NdArray([true], 1, 1)])[0].Floats.ToArray());
    }

    [Fact]
    public void More_than_a_pipe_holds_passes_both_ways()
    {
        // It answers while it still reads, and complains at length meanwhile: nobody may wait for the other.
        CommandPredictor program = Program("""
            process.stderr.write('x'.repeat(1 << 20));
            require('readline').createInterface({ input: process.stdin }).on('line', l => { if (l !== 'x0,x1') console.log(l + ',' + '0.25,'.repeat(20) + '1'); });
            """);
        NdArray scores = program.Predict([Rows(20_000)])[0];
        Assert.Equal([20_000, 23], scores.Dims.ToArray());
        Assert.Equal(39999 / 8f, scores.Floats[(19_999 * 23) + 1]);
    }

    [Fact]
    public void A_program_that_does_not_read_its_rows_may_still_answer() =>
        Assert.Equal(50_000, Program("process.stdin.destroy(); console.log('1\\n'.repeat(50000));").Predict([Rows(50_000)])[0].Length);

    [Theory]
    [InlineData("console.error('no such column'); process.exit(3)", "exit code 3", "3 rows", "It said: no such column")]
    [InlineData("throw new Error('broken')", "exit code 1", "broken")]
    [InlineData("console.log('score'); console.log(1); console.log(2); console.log(3)", "answered with 4 lines", "leave the header away")]
    [InlineData("console.log(1)", "given 3 rows and answered with 1 lines")]
    [InlineData("", "answered with 0 lines")]
    [InlineData("console.log('1\\n2\\nyes')", "'yes' for row 2 of the 3")]
    [InlineData("console.log('1\\n[2\\n3')", "'[2' for row 1")]
    [InlineData("console.log('1\\n[]\\n3')", "'[]' for row 1")]
    [InlineData("console.log('1\\n2,3\\n3')", "2 scores for row 1 and 1 for row 0")]
    [InlineData("console.log('1\\nNaN\\nnan')", "NaN for rows 1, 2 of the 3")]
    [InlineData("console.log('[1]\\n[null]\\n[1]')", "NaN for row 1")]
    public void A_program_that_fails_is_told_with_what_it_did(string script, params string[] words)
    {
        string message = Fault(Program("require('fs').readFileSync(0);" + script));
        foreach (string word in words) Assert.Contains(word, message, StringComparison.Ordinal);
        Assert.Contains("a program.js", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Infinite_scores_pass_because_the_target_may_not_be_one_of_them() =>
        Assert.Equal([float.NegativeInfinity, 1, float.PositiveInfinity, 2], Program("console.log('-inf,1\\nInfinity,2')").Predict([Rows(2)])[0].Floats.ToArray());

    [Fact]
    public void A_program_that_takes_too_long_is_stopped_with_its_children()
    {
        string pids = folder["pids"];
        long started = Stopwatch.GetTimestamp();
        string message = Fault(Program($$"""
            const child = require('child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
            require('fs').writeFileSync({{System.Text.Json.JsonSerializer.Serialize(pids)}}, process.pid + ' ' + child.pid);
            console.error('thinking'); setTimeout(() => {}, 60000);
            """, TimeSpan.FromSeconds(1.5)));
        Assert.Contains("took longer than 1.5 s", message, StringComparison.Ordinal);
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 1.4, 30);
        foreach (string pid in File.ReadAllText(pids).Split(' ')) Assert.True(IsGone(int.Parse(pid, System.Globalization.CultureInfo.InvariantCulture)), pid);
    }

    [Fact]
    public void Cancelling_stops_the_program()
    {
        using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(600));
        CommandPredictor program = Program($"require('fs').writeFileSync({System.Text.Json.JsonSerializer.Serialize(folder["pid"])}, '' + process.pid); setTimeout(() => {{}}, 60000);");
        long started = Stopwatch.GetTimestamp();
        Assert.ThrowsAny<OperationCanceledException>(() => program.Predict([Rows(2)], source.Token));
        Assert.True(Stopwatch.GetElapsedTime(started).TotalSeconds < 20);
        if (File.Exists(folder["pid"])) Assert.True(IsGone(int.Parse(File.ReadAllText(folder["pid"]), System.Globalization.CultureInfo.InvariantCulture)));
    }

    private static bool IsGone(int pid)
    {
        for (int i = 0; i < 100; i++)
        {
            try
            {
                using var process = Process.GetProcessById(pid);
                // A killed child whose parent is gone may stay as a zombie until somebody waits for it.
                if (process.HasExited || (File.Exists($"/proc/{pid}/stat") && File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal))) return true;
            }
            catch (Exception e) when (e is ArgumentException or IOException or InvalidOperationException)
            {
                return true;
            }
            Thread.Sleep(50);
        }
        return false;
    }

    [Fact]
    public void What_is_no_program_is_said()
    {
        Assert.Contains("cannot be started", Fault(new CommandPredictor("no-such-program-anywhere --x")), StringComparison.Ordinal);
        Assert.Throws<InvalidOptionException>(() => new CommandPredictor("  "));
        Assert.Throws<InvalidOptionException>(() => new CommandPredictor("node 'x"));
        Assert.Throws<InvalidOptionException>(() => new CommandPredictor([]));
        Assert.Throws<ShapeMismatchException>(() => new CommandPredictor("node") { Columns = ["a"] }.Predict([Rows(1)]));
        Assert.Throws<ShapeMismatchException>(() => new CommandPredictor("node").Predict([Rows(1), Rows(2)]));
    }

    [Theory]
    [InlineData("node score.js", "node|score.js")]
    [InlineData("  a   'b c' \"d e\"f ", "a|b c|d ef")]
    [InlineData(@"C:\tools\x.exe ""C:\a b\c"" \""q\"" '\""'", @"C:\tools\x.exe|C:\a b\c|""q""|\""")]
    [InlineData("a '' \"\"", "a||")]
    [InlineData("sh -c 'x | y > z; $HOME'", "sh|-c|x | y > z; $HOME")]
    public void A_command_is_split_without_a_shell(string command, string arguments) => Assert.Equal(arguments.Split('|', arguments.Contains("x | y", StringComparison.Ordinal) ? 3 : int.MaxValue), new CommandPredictor(command).Arguments);

    [Fact]
    public void A_program_is_explained_like_any_model_and_by_several_workers_alike()
    {
        FeatureSchema schema = FeatureSchema.Parse("""{ "features": [ { "name": "income", "unit": "EUR", "column": "z", "scale": { "mean": 100, "deviation": 50 } }, { "name": "job", "oneHot": { "a": "clerk", "b": "nurse" } } ] }""");
        EncodedTable table = schema.Encode(TextTable.Parse("income,job\n200,nurse\n"));
        CommandPredictor program = Program(ReadRows + "rows.forEach(r => console.log(3 * r[0] + 2 * r[2] * r[0]));", columns: schema.Columns);
        ShapleyValues Method() => new(program) { Baseline = Baseline.Background(schema.Encode(TextTable.Parse("income,job\n100,clerk\n")).Values.ToTensor()) };
        Attribution a = Method().Explain([table.Values], Target.Class(0), new ExplainOptions { Schema = schema });
        Assert.Equal(["income 200 EUR: +8", "job nurse: +2"], schema.Explain(a, table)[0].Select(e => e.ToString()));
        Attribution b = Method().Explain([table.Values], Target.Class(0), new ExplainOptions { Schema = schema, PredictorThreads = 3 });
        Assert.Equal(a.Players![0].Solution.Values, b.Players![0].Solution.Values);
    }

    [Fact]
    public void A_program_that_answers_otherwise_each_time_is_found_out()
    {
        CommandPredictor program = Program(ReadRows + "rows.forEach(r => console.log(Math.random()));");
        Assert.Contains("not deterministic", Assert.Throws<PredictorException>(() => new KernelShap(program).Explain([Rows(1)], Target.Class(0))).Message, StringComparison.Ordinal);
    }
}
