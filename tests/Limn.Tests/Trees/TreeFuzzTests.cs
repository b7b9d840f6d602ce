using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Limn.Engine.Tests;
using Limn.Trees;
using Xunit.Abstractions;

namespace Limn.Tests.Trees;

/// <summary>Damaged files of trees must be refused, or read and run, within bounds. A longer run by hand: <c>LIMN_FUZZ=50 dotnet test tests/Limn.Tests --filter TreeFuzz</c>.</summary>
public partial class TreeFuzzTests(ITestOutputHelper log)
{
    private const int ByBytes = 3000, ByNumbers = 3000, ByParts = 1500;
    private const int MostFeatures = 1 << 12;
    private static readonly byte[][] Seeds = Corpus();

    private static readonly string[] Telling = ["-1", "0", "1", "2", "7", "255", "65536", "16777217", "2147483647", "2147483648", "4294967295", "-2147483648", "9223372036854775807", "1e999", "-1e-320", "0.5", "NaN", "nan", "inf", "", "null", "[]", "{}", "\"", "x"];

    [Fact]
    public void Damaged_bytes_are_refused_or_read() => Run(ByBytes, 0, m => m.Damage(m.One(Seeds), m.One(Seeds)));

    [Fact]
    public void Damaged_numbers_are_refused_or_read() => Run(ByNumbers, 1_000_000, m => Numbers(m.One(Seeds), m));

    [Fact]
    public void Damaged_structures_are_refused_or_read() => Run(ByParts, 2_000_000, m => Parts(m.One(Seeds), m));

    private void Run(int count, int from, Func<Mutator, byte[]> damage)
    {
        int alive = Fuzz.Run(count, seed => ReadAndPredict(damage(new Mutator(from + seed))));
        log.WriteLine($"{alive} of {count * Fuzz.Times} mutants ran");
        Assert.InRange(alive, 1, count * Fuzz.Times - 1);
    }

    private static void ReadAndPredict(byte[] bytes)
    {
        TreeFile file = TreeFile.Read(bytes);
        if (file.Ensemble.Features > MostFeatures || file.Ensemble.Outputs > MostFeatures) return; // read well; too large to feed here
        var random = new Random(1);
        var x = new float[file.Ensemble.Features * 3];
        for (int i = 0; i < x.Length; i++) x[i] = i % 5 == 0 ? float.NaN : random.Next(-2, 70);
        double[] margins = file.Ensemble.Margin(x);
        if (margins.Length != 3 * file.Ensemble.Outputs) throw new InvalidOperationException($"{margins.Length} margins");
    }

    /// <summary>One to three numbers of a text become others; of a binary file, bytes.</summary>
    private static byte[] Numbers(byte[] file, Mutator m)
    {
        if (!IsText(file)) return m.Damage(file, file);
        string text = Encoding.UTF8.GetString(file);
        for (int times = 1 + m.Next(3); times > 0; times--)
        {
            Match at = Number().Match(text, m.Next(text.Length + 1)), another = Number().Match(text, m.Next(text.Length + 1));
            if (!at.Success) continue;
            string other = m.Chance(0.6) ? m.One(Telling) : m.Chance(0.5) ? another.Value : (m.Next(2000) - 1000).ToString(CultureInfo.InvariantCulture);
            text = text[..at.Index] + other + text[(at.Index + at.Length)..];
        }
        return Encoding.UTF8.GetBytes(text);
    }

    /// <summary>Members or lines are left out, repeated, or exchanged with others, of the same or another file.</summary>
    private static byte[] Parts(byte[] file, Mutator m)
    {
        if (!IsText(file)) return m.Damage(file, file);
        char[] ends = file[0] == '{' ? [',', '[', ']', '}'] : ['\n', ' '];
        List<string> parts = [.. Split(Encoding.UTF8.GetString(file), ends)];
        string[] others = [.. Split(Encoding.UTF8.GetString(m.One(Seeds)), ends)];
        for (int times = 1 + m.Next(2); times > 0; times--)
        {
            int at = m.Next(parts.Count), to = m.Next(parts.Count);
            switch (m.Next(4))
            {
                case 0: parts.RemoveAt(at); break;
                case 1: parts.Insert(to, parts[at]); break;
                case 2: (parts[at], parts[to]) = (parts[to], parts[at]); break;
                default: parts[at] = others[m.Next(others.Length)]; break;
            }
        }
        return Encoding.UTF8.GetBytes(string.Concat(parts));
    }

    private static IEnumerable<string> Split(string text, char[] ends)
    {
        for (int from = 0, end; from < text.Length; from = end)
        {
            end = text.IndexOfAny(ends, from);
            end = end < 0 ? text.Length : end + 1;
            yield return text[from..end];
        }
    }

    private static bool IsText(byte[] file) => Array.IndexOf(file, (byte)0) < 0;

    private static byte[][] Corpus()
    {
        string folder = Path.GetDirectoryName(TreeFiles.Model("dart.json"))!;
        List<byte[]> seeds = [.. Directory.GetFiles(folder).Where(f => Path.GetExtension(f) is not ".csv").Order(StringComparer.Ordinal).Select(File.ReadAllBytes).Where(b => b.Length < 40_000)];
        const string split = """{"border":0.5,"float_feature_index":0,"split_index":0,"split_type":"FloatFeature"}""";
        seeds.Add(Encoding.UTF8.GetBytes($$$"""{"features_info":{"float_features":[{"feature_index":0,"flat_feature_index":0,"feature_id":"a","nan_value_treatment":"AsTrue"}]},"oblivious_trees":[{"leaf_values":[1,2,3,4],"leaf_weights":[1,2,3,4],"splits":[{{{split}}},{{{split}}}]}],"scale_and_bias":[1,[0.5]]}"""));
        seeds.Add(Encoding.UTF8.GetBytes($$$"""{"features_info":{"float_features":[{"feature_index":0,"flat_feature_index":0}]},"trees":[{"split":{{{split}}},"left":{"value":[1,2],"weight":1},"right":{"value":[3,4],"weight":2} }]}"""));
        foreach (string name in (string[])["categories.json", "multi.json"])
        {
            using var stream = new MemoryStream();
            OnnxTreeWriter.Write(XgboostReader.Read(TreeFiles.Model(name)), stream);
            seeds.Add(stream.ToArray());
        }
        return [.. seeds];
    }

    [GeneratedRegex(@"-?\d+(\.\d+)?([eE][-+]?\d+)?", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Number();
}
