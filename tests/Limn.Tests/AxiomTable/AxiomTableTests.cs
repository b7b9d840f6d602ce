namespace Limn.Tests.AxiomTable;

/// <summary>The axioms in the table of methods are wrong in neither direction: what is claimed holds, and what is not claimed fails on a witness.</summary>
public sealed class AxiomTableTests
{
    private const double Holds = 0.01, Fails = 0.05;

    public static TheoryData<string, Axioms> Entries
    {
        get
        {
            var entries = new TheoryData<string, Axioms>();
            foreach (MethodDescription method in MethodRegistry.All)
                foreach (Axioms axiom in Axioms.All.Each()) entries.Add(method.Name, axiom);
            return entries;
        }
    }

    [Theory]
    [MemberData(nameof(Entries))]
    public void An_axiom_holds_where_it_is_claimed_and_fails_where_it_is_not(string name, Axioms axiom)
    {
        MethodDescription method = MethodRegistry.Find(name);
        if (method.NotApplicable.HasFlag(axiom))
        {
            Assert.False(method.Axioms.HasFlag(axiom));
            Assert.NotEmpty(method.NotApplicableBecause);
            return;
        }
        var explainer = new Explainer(method);
        var misses = AxiomCases.All.Where(c => c.Axiom == axiom).Select(c => (c.Name, Miss: MissOf(c, explainer))).Where(m => m.Miss is not null).ToArray();
        Assert.NotEmpty(misses);
        if (method.Axioms.HasFlag(axiom))
            Assert.All(misses, m => Assert.True(m.Miss < Holds, $"{name} claims {axiom} and misses it by {m.Miss:P2} on: {m.Name}"));
        else
            Assert.True(misses.Any(m => m.Miss > Fails), $"{name} does not claim {axiom}, and no case speaks against it: it misses by at most {misses.Max(m => m.Miss):P2}. Claim it, or add a witness.");
    }

    /// <summary>How far a method misses an axiom in a case; null where the case says nothing, or has more features than the method enumerates.</summary>
    private static double? MissOf(AxiomCase c, Explainer explainer)
    {
        try
        {
            return c.Miss(explainer);
        }
        catch (InvalidOptionException e) when (e.Message.Contains("players", StringComparison.Ordinal))
        {
            return null;
        }
    }
}
