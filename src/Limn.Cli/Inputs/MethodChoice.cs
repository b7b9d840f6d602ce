using Limn.Engine;
using Limn.Games;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Cli.Inputs;

/// <summary>The methods that <c>--method</c> names: one, several with commas between, or <c>all</c>; and what <c>--set</c> sets for each.</summary>
internal sealed class MethodChoice
{
    /// <summary>Feature ablation runs the model once for each element or group; of 'all', it is left out above this many.</summary>
    private const int MostAblations = 5000;

    private readonly Dictionary<string, Dictionary<string, string>> options;

    /// <exception cref="CommandException">No method is named, one is named twice, or an option is of none of them.</exception>
    /// <exception cref="InvalidOptionException">There is no such method.</exception>
    public MethodChoice(string? method, IReadOnlyList<string> set)
    {
        if (method is null) throw new CommandException("say how: --method NAME; 'limn methods' lists all.");
        IsAll = method == "all";
        string[] names = method.Split(',', StringSplitOptions.TrimEntries);
        Methods = IsAll ? MethodRegistry.All : [.. names.Select(MethodRegistry.Find)];
        if (names.GroupBy(n => n).FirstOrDefault(g => g.Count() > 1) is { } twice) throw new CommandException($"--method names '{twice.Key}' twice; once is enough.");
        options = Methods.ToDictionary(m => m.Name, _ => new Dictionary<string, string>());
        // What is said of one method counts for it, whatever is said of all.
        foreach (Setting s in set.Select(Parse).OrderBy(s => s.Method is not null)) Apply(s);
    }

    public IReadOnlyList<MethodDescription> Methods { get; }

    public bool IsAll { get; }

    /// <summary>Whether there is a comparison to make.</summary>
    public bool IsSeveral => IsAll || Methods.Count > 1;

    /// <summary>What --set gives a method.</summary>
    public IReadOnlyDictionary<string, string> SetFor(MethodDescription method) => options[method.Name];

    /// <summary>The only method.</summary>
    public Method CreateOne(IPredictor model, MethodData data) => MethodRegistry.Create(Methods[0].Name, model, options[Methods[0].Name], data);

    /// <summary>The methods, each given what it takes, and those that are left out with the reason.</summary>
    /// <exception cref="CommandException">A baseline or a mask is given and no method takes it.</exception>
    public (IReadOnlyList<Method> Methods, IReadOnlyList<MethodFailure> LeftOut) CreateAll(IPredictor model, MethodData data, IReadOnlyList<NdArray> inputs)
    {
        if (data.Baseline is not null && !Methods.Any(m => Inner(m).TakesBaseline)) throw new CommandException($"none of the methods has a baseline; leave --baseline and --background away.");
        if (data.Mask is not null && !Methods.Any(m => Inner(m).TakesMask)) throw new CommandException($"none of the methods has a mask; leave --mask away.");
        List<Method> created = [];
        List<MethodFailure> leftOut = [];
        long elements = inputs.Sum(i => (long)i.Length / Math.Max(1, i.Dims[0]));
        foreach (MethodDescription description in Methods)
        {
            if (IsAll && data.Mask is null && description.Type == typeof(FeatureAblation) && elements > MostAblations)
            {
                leftOut.Add(new MethodFailure(description.Name, $"It would run the model {elements} times a row, once for each element. Give groups with --mask, or name it: --method {description.Name}."));
                continue;
            }
            if (IsAll && description.NeedsTrees && !HasTrees(model))
            {
                leftOut.Add(new MethodFailure(description.Name, "It explains ensembles of trees, and the model is none."));
                continue;
            }
            if (IsAll && Inner(description).NeedsNetwork && model is not OnnxModel)
            {
                leftOut.Add(new MethodFailure(description.Name, "It looks inside a network, and the model is none."));
                continue;
            }
            if (description.TakesNeuron && data.Neuron is null)
            {
                leftOut.Add(new MethodFailure(description.Name, "It explains a target through a neuron: give --neuron LAYER:i,j,k, and no other method, for which the neuron would be the target."));
                continue;
            }
            MethodDescription taking = Inner(description);
            // Beside others, which explain one output.
            if (description.NeedsTrees) options[description.Name].TryAdd("all-outputs", "false");
            created.Add(MethodRegistry.Create(description.Name, model, options[description.Name], new MethodData
            {
                Baseline = taking.TakesBaseline ? data.Baseline : null,
                Mask = taking.TakesMask ? data.Mask : null,
                Neuron = taking.TakesNeuron ? data.Neuron : null,
                Truth = taking.TakesTruth ? data.Truth : null,
            }));
        }
        return (created, leftOut);
    }

    private static bool HasTrees(IPredictor model) => model is Trees.TreeEnsemble || (model is OnnxModel network && network.Graph.Nodes.Count(n => n.Operator is Engine.Operators.TreeEnsemble) == 1);

    /// <summary>The method that takes the data: the one inside, of methods around another.</summary>
    public MethodDescription Inner(MethodDescription description) =>
        !typeof(NoiseMethod).IsAssignableFrom(description.Type) ? description
            : options[description.Name].TryGetValue("of", out string? of) ? Inner(of) : Inner("saliency");

    private static MethodDescription Inner(string of)
    {
        MethodDescription inner = MethodRegistry.Find(of);
        return typeof(NoiseMethod).IsAssignableFrom(inner.Type) ? MethodRegistry.Find("saliency") : inner;
    }

    private void Apply(Setting setting)
    {
        if (setting.Method is { } name)
        {
            if (!options.TryGetValue(name, out Dictionary<string, string>? own))
                throw new CommandException($"--set {setting.Text} is for the method '{name}', which is not among those of --method.");
            own[setting.Option] = setting.Value;
            return;
        }
        // A single method says itself which options it has.
        MethodDescription[] having = IsSeveral ? [.. Methods.Where(m => Has(m, setting.Option))] : [.. Methods];
        if (having.Length == 0)
            throw new CommandException($"none of the methods has the option '{setting.Option}'; 'limn methods' lists each one's options.");
        foreach (MethodDescription m in having) options[m.Name][setting.Option] = setting.Value;
    }

    private bool Has(MethodDescription method, string option) => method.Options.Any(o => o.Name == option)
        || (typeof(NoiseMethod).IsAssignableFrom(method.Type) && (option == "of" || Inner(method).Options.Any(o => o.Name == option)));

    private Setting Parse(string text)
    {
        int equals = text.IndexOf('=');
        if (equals < 1) throw new CommandException($"--set takes OPTION=VALUE, and '{text}' is not that.");
        string name = text[..equals];
        int dot = name.IndexOf('.');
        return dot < 0 ? new Setting(text, null, name, text[(equals + 1)..]) : new Setting(text, name[..dot], name[(dot + 1)..], text[(equals + 1)..]);
    }

    private sealed record Setting(string Text, string? Method, string Option, string Value);
}
