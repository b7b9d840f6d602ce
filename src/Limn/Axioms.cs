namespace Limn;

/// <summary>What an attribution method keeps to on every model, with φ the attributions of F at x and b the baseline (zero for a method without one).</summary>
/// <remarks>
/// Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, ICML 2017, sections 2 and 3. A method that approximates an integral or an
/// expectation keeps to them in the limit of many steps or samples. At a layer, the layer's elements take the place of the inputs.
/// </remarks>
[Flags]
public enum Axioms
{
    None = 0,

    /// <summary>Σφ = F(x) − F(b).</summary>
    Completeness = 1,

    /// <summary>Sensitivity (a): where x and b differ in one element only, and F(x) ≠ F(b), that element gets an attribution other than zero.</summary>
    Sensitivity = 2,

    /// <summary>Sensitivity (b): an element on which the function F does not depend gets zero, however the network is written.</summary>
    Dummy = 4,

    /// <summary>Two networks that compute the same function get the same attributions.</summary>
    ImplementationInvariance = 8,

    /// <summary>Elements that can change places without changing F, with equal values in x and equal values in b, get the same.</summary>
    Symmetry = 16,

    All = Completeness | Sensitivity | Dummy | ImplementationInvariance | Symmetry,
}

/// <summary>Axioms one by one, and by name.</summary>
public static class AxiomNames
{
    /// <summary>The single axioms of a set, in the order of the table.</summary>
    public static IEnumerable<Axioms> Each(this Axioms axioms) =>
        Enum.GetValues<Axioms>().Where(a => System.Numerics.BitOperations.IsPow2((int)a) && axioms.HasFlag(a));

    /// <summary>The name of a single axiom on the command line: <c>implementation-invariance</c>.</summary>
    public static string Name(this Axioms axiom) => OptionText.Kebab(axiom.ToString());
}
