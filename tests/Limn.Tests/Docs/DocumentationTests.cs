using System.Text.RegularExpressions;

namespace Limn.Tests.Docs;

/// <summary>Every C# block of the documentation stands, word for word, in a source file of this folder that is compiled and run.</summary>
public sealed partial class DocumentationTests
{
    private static readonly string Root = SharedFiles.Root;

    public static TheoryData<string> Pages => [.. Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md").Append(Path.Combine(Root, "README.md"))
        .Select(f => Path.GetRelativePath(Root, f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Code_in_the_documentation_is_compiled_and_run(string page)
    {
        string sources = string.Concat(Directory.EnumerateFiles(Path.Combine(Root, "tests", "Limn.Tests", "Docs"), "*.cs").Select(f => Compact(File.ReadAllText(f))));
        foreach (Match block in CodeBlock().Matches(File.ReadAllText(Path.Combine(Root, page))))
            Assert.True(sources.Contains(Compact(block.Groups["code"].Value), StringComparison.Ordinal), $"{page}: this block is not in tests/Limn.Tests/Docs:\n{block.Groups["code"].Value}");
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_to_files_of_the_project_lead_somewhere(string page)
    {
        string folder = Path.GetDirectoryName(Path.Combine(Root, page))!;
        foreach (Match link in Link().Matches(File.ReadAllText(Path.Combine(Root, page))))
        {
            string target = link.Groups["target"].Value.Split('#')[0];
            if (target.Length == 0 || target.Contains("://", StringComparison.Ordinal)) continue;
            Assert.True(Path.Exists(Path.Combine(folder, target)), $"{page} links to {target}, which does not exist");
        }
    }

    private static string Compact(string code) => Space().Replace(code, " ");

    [GeneratedRegex("```csharp\r?\n(?<code>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Link();

    [GeneratedRegex(@"\s+", RegexOptions.None, 1000)]
    private static partial Regex Space();
}
