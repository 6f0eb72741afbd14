//! Fourteen subjects by the words of their textbooks.
//!
//! A subject's share is its number of different words found, of all that were found; how sure that is grows with
//! their number: share · n / (n + 1). Nothing found is `other`, at one half.

/// The subject of what has no other.
pub(crate) const OTHER: usize = 10;

/// Subjects with their words, in the order of the labels.
pub(crate) const SUBJECTS: &[(&str, &str)] = &[
    ("biology", "cell, cells, organism, organisms, gene, genes, genetic, dna, rna, protein, proteins, enzyme, enzymes,
      chromosome, chromosomes, mitochondria, mitochondrion, photosynthesis, evolution, natural selection,
      species, ecosystem, ecosystems, bacteria, virus, viruses, membrane, nucleus, ribosome, mitosis, meiosis,
      phenotype, genotype, allele, alleles, eukaryotic, prokaryotic, metabolism, taxonomy, biodiversity,
      symbiosis, 细胞, 基因, 蛋白质, 生物, 光合作用"),
    ("business", "marketing, revenue, profit, profits, shareholder, shareholders, stakeholder, stakeholders,
      balance sheet, financial statement, income statement, cash flow, startup, supply chain, brand, branding,
      sales, business model, management, accounting, audit, merger, acquisition, equity,
      competitive advantage, human resources, logistics, invoice, 商业, 营销, 公司, 利润, 财务"),
    ("chemistry", "molecule, molecules, atom, atoms, chemical, acid, acids, ph, compound, compounds, electron, electrons,
      covalent, ionic, bond, bonds, oxidation, reduction, catalyst, titration, mole, moles, molar, molarity,
      organic chemistry, polymer, polymers, solvent, solute, periodic table, stoichiometry, enthalpy, isotope,
      isotopes, 化学, 分子, 原子, 反应"),
    ("computer science", "algorithm, algorithms, code, program, programming, software, compiler, database, sql, python, java,
      javascript, typescript, rust, c++, function, class, api, server, linux, data structure, array, arrays,
      linked list, binary tree, hash table, recursion, time complexity, big o, thread, threads, mutex,
      deadlock, cache, network protocol, tcp, http, machine learning, neural network, debugging, debug, bug,
      docker, kubernetes, git, regex, 代码, 算法, 编程, 程序, 数据库"),
    ("economics", "economy, economic, economics, inflation, deflation, recession, gdp, supply and demand, elasticity,
      monetary policy, fiscal policy, interest rate, interest rates, central bank, unemployment,
      macroeconomics, microeconomics, market equilibrium, monopoly, oligopoly, tariff, tariffs, trade deficit,
      opportunity cost, marginal cost, marginal utility, price ceiling, subsidy, subsidies, exchange rate, 经济,
      通货膨胀, 衰退, 货币, 供给"),
    ("engineering", "circuit, circuits, voltage, resistor, capacitor, transistor, transformer, torque, gear, beam,
      stress and strain, thermodynamic cycle, hydraulic, turbine, engine, mechanical, electrical engineering,
      civil engineering, bridge design, load bearing, control system, feedback loop, signal processing,
      semiconductor, welding, manufacturing, cad, finite element, heat exchanger, pump, bearing, 工程, 电路, 电压,
      机械"),
    ("health", "symptom, symptoms, disease, diseases, diagnosis, treatment, medicine, medical, medication, doctor,
      patient, patients, blood pressure, diabetes, cancer, infection, vaccine, vaccines, therapy, surgery,
      nutrition, vitamin, fever, pain, dosage, clinical, hospital, cardiovascular, heart attack, stroke,
      asthma, allergy, allergies, pregnancy, antibiotic, antibiotics, 症状, 疾病, 治疗, 医疗, 医生"),
    ("history", "century, empire, dynasty, revolution, world war, civil war, ancient, medieval, renaissance, colonial,
      colonialism, treaty, monarchy, emperor, kingdom, roman empire, cold war, industrial revolution,
      french revolution, holocaust, crusades, feudal, feudalism, pharaoh, independence movement, historian,
      historians, 历史, 王朝, 帝国, 革命, 战争"),
    ("law", "contract, contracts, contract law, legal, lawsuit, court, courts, statute, statutes, liability,
      plaintiff, defendant, jurisdiction, constitutional, constitution, tort, torts, negligence, indemnity,
      clause, copyright, patent, trademark, regulation, regulations, compliance, attorney, lawyer, judge,
      jury, felony, criminal law, gdpr, arbitration, breach, 法律, 合同, 诉讼, 法院, 条款"),
    ("math", "theorem, proof, prove, equation, equations, integral, integrals, derivative, derivatives, matrix,
      matrices, determinant, eigenvalue, eigenvalues, vector space, polynomial, polynomials, calculus,
      algebra, geometry, trigonometry, probability, statistics, logarithm, differential equation, limit of,
      converges, convergence, modular arithmetic, combinatorics, graph theory, topology, lemma, 数学, 证明, 方程,
      矩阵, 概率, 定理"),
    ("other", "recipe, weather, movie, music, sport, sports, travel, hobby, holiday, gift, joke"),
    ("philosophy", "philosophy, philosophical, ethics, ethical, moral, morality, utilitarianism, utilitarian, deontology,
      deontological, kant, plato, aristotle, socrates, nietzsche, epistemology, metaphysics, ontology,
      free will, determinism, existentialism, consequentialism, virtue ethics, stoicism, dualism, empiricism,
      rationalism, trolley problem, 哲学, 伦理, 道德"),
    ("physics", "force, energy, momentum, velocity, acceleration, gravity, gravitational, quantum, relativity,
      thermodynamics, entropy, electromagnetic, magnetic field, electric field, photon, photons, particle,
      particles, wavelength, frequency, newton, joule, kinetic, potential energy, speed of light, black hole,
      nuclear, fission, fusion reactor, optics, lens, wave function, superconductivity, 物理, 力学, 量子, 能量"),
    ("psychology", "psychology, psychological, cognitive, cognition, behavior, behaviour, behavioral, memory, emotion,
      emotions, anxiety, depression, personality, motivation, conditioning, reinforcement, freud, piaget,
      attachment, perception, cognitive bias, mental health, trauma, therapist, social psychology, 心理, 情绪, 焦虑,
      抑郁"),
];

/// The strongest subject and how sure that is, from the number of different words found of each.
pub(crate) fn share(found: &[usize]) -> (usize, f64) {
    let total: usize = found.iter().sum();
    let mut best = OTHER;
    for (at, count) in found.iter().enumerate() {
        if *count > found.get(best).copied().unwrap_or(0) {
            best = at;
        }
    }
    if total == 0 {
        return (OTHER, 0.5);
    }
    let count = found.get(best).copied().unwrap_or(0) as f64;
    (best, count / total as f64 * count / (count + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_by_hand() {
        assert_eq!(SUBJECTS[OTHER].0, "other");
        let mut found = vec![0; SUBJECTS.len()];
        assert_eq!(share(&found), (OTHER, 0.5));
        found[3] = 2;
        assert_eq!(share(&found), (3, 2.0 / 3.0));
        found[9] = 1;
        assert_eq!(share(&found), (3, 2.0 / 3.0 * 2.0 / 3.0));
        found[9] = 2;
        assert_eq!(share(&found).0, 3, "the first of equals");
    }
}
