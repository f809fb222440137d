# title: suppliers of one brand of parts, few of which were ordered
# workload: tpch
# engines: sqlite
SELECT COUNT(*) AS lines FROM lineitem AS l
WHERE l.l_quantity > 49 AND l.l_discount = 0.1 AND l.l_tax = 0.08 AND l.l_shipmode = 'AIR'
    AND l.l_orderkey NOT IN (SELECT o.o_orderkey FROM orders AS o WHERE o.o_totalprice < 300000);
