using System.CommandLine;
using Limn.Cli.Outputs;

namespace Limn.Cli.Commands;

/// <summary><c>limn methods</c>: every method with its options, defaults and source.</summary>
internal static class MethodsCommand
{
    public static Command Create(CommandContext context)
    {
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        var command = new ExampleCommand("methods", "List every method, its options, their defaults, and its source.")
        {
            Examples = [("limn methods", "All methods"), ("limn methods --json", "For programs")],
        };
        command.Add(json);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(json)) JsonText.Print(context.Out, Json());
            else Print(context);
            return LimnCommand.Done;
        });
        return command;
    }

    private static void Print(CommandContext context)
    {
        foreach (MethodDescription method in MethodRegistry.All)
        {
            context.Out.WriteLine($"{method.Name}   {method.Title} ({method.Source})");
            context.Out.WriteLine($"    {method.Summary}");
            context.Out.WriteLine($"    formula: {method.Formula}");
            context.Out.WriteLine($"    cost of a row: {method.Cost}");
            context.Out.WriteLine($"    axioms: {AxiomsOf(method)}");
            if (method.NotCompiled is { } reason) context.Out.WriteLine($"    not for 'limn compile': {reason}");
            if (method.TakesBaseline) context.Out.WriteLine("    --baseline 0|NUMBER|FILE|blur|mean|black|white|uniform|gaussian: what stands for \"absent\"");
            if (method.TakesMask) context.Out.WriteLine("    --mask FILE: the group of each element (default: each element on its own)");
            foreach (MethodOption option in method.Options)
                context.Out.WriteLine($"    --set {option.Name}={Default(option) ?? "..."}: {option.Summary} ({option.Type})");
            context.Out.WriteLine();
        }
    }

    private static string AxiomsOf(MethodDescription method)
    {
        string kept = method.Axioms == Axioms.None ? "" : string.Join(", ", Names(method.Axioms));
        if (method.NotApplicable == Axioms.None) return kept.Length > 0 ? kept : "none";
        string because = $"{(method.NotApplicable == Axioms.All ? "" : string.Join(", ", Names(method.NotApplicable)) + " ")}not applicable: {method.NotApplicableBecause}";
        return kept.Length > 0 ? $"{kept} ({because})" : because;
    }

    private static IEnumerable<string> Names(Axioms axioms) => axioms.Each().Select(a => a.Name());

    private static string? Default(MethodOption option) => option.Default switch
    {
        null => null,
        bool flag => flag ? "true" : "false",
        double number => Numbers.Text(number),
        var other => other.ToString(),
    };

    private static byte[] Json() => JsonText.Object(json => json.Objects("methods", MethodRegistry.All, method =>
    {
        json.WriteString("name", method.Name);
        json.WriteString("title", method.Title);
        json.WriteString("summary", method.Summary);
        json.WriteString("source", method.Source);
        json.WriteString("formula", method.Formula);
        json.WriteString("cost", method.Cost);
        json.Strings("axioms", Names(method.Axioms));
        json.Strings("axiomsNotApplicable", Names(method.NotApplicable));
        json.WriteString("axiomsNotApplicableBecause", method.NotApplicableBecause);
        json.WriteBoolean("needsNetwork", method.NeedsNetwork);
        json.WriteBoolean("takesBaseline", method.TakesBaseline);
        json.WriteBoolean("takesMask", method.TakesMask);
        json.WriteBoolean("compiles", method.NotCompiled is null);
        json.Objects("options", method.Options, option =>
        {
            json.WriteString("name", option.Name);
            json.WriteString("type", option.Type);
            json.Plain("default", option.Default);
            json.WriteString("summary", option.Summary);
        });
    }));
}
